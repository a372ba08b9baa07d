// What yettd counts, and how Prometheus reads it (its text format, version 0.0.4).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace yett {

struct PoolState {
  std::size_t ready = 0;
  std::size_t wanted = 0;
};

// What is true now, gathered when it is asked for.
struct DaemonState {
  std::size_t running = 0;
  std::size_t clients = 0;
  std::map<std::string, PoolState> pools;
};

class Metrics {
 public:
  void count_start(bool warm) { ++(warm ? warm_starts_ : cold_starts_); }
  void count_adopted(std::uint64_t programs) { adopted_ += programs; }
  void count_failed_start() { ++failed_starts_; }
  void count_end(const std::string& reason) { ++ends_[reason]; }
  void count_verdicts(const std::string& plane, const std::string& verdict, std::uint64_t times) {
    verdicts_[{plane, verdict}] += times;
  }
  void count_refused_client() { ++refused_clients_; }
  void count_lost_events(std::uint64_t times) { lost_events_ += times; }
  void count_reload() { ++reloads_; }

  [[nodiscard]] std::string text(const DaemonState& state) const;

 private:
  std::uint64_t warm_starts_ = 0;
  std::uint64_t cold_starts_ = 0;
  std::uint64_t failed_starts_ = 0;
  std::uint64_t adopted_ = 0;
  std::uint64_t refused_clients_ = 0;
  std::uint64_t lost_events_ = 0;
  std::uint64_t reloads_ = 0;
  std::map<std::string, std::uint64_t> ends_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> verdicts_;
};

}  // namespace yett
