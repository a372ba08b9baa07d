// What yettd counts, and how Prometheus reads it (its text format, version 0.0.4).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "ioctl_uapi/call_times.hpp"

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

// How long something took, by upper bounds that the format's queries can take quantiles of.
class Histogram {
 public:
  static constexpr std::array kBoundsMs{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000};

  void count(std::chrono::nanoseconds took);
  // The lines of one set of labels, as `from="pool"`.
  [[nodiscard]] std::string lines(std::string_view name, std::string_view labels) const;

 private:
  std::array<std::uint64_t, kBoundsMs.size()> below_{};  // each bound; cumulative, as it is told
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds sum_{0};
};

// How long notified calls took, by what became of them.
class CallHistograms {
 public:
  void count(const CallTimesReport& times);
  [[nodiscard]] std::string lines(std::string_view name) const;

 private:
  struct Kind {
    std::array<std::uint64_t, kCallTimeBoundsUs.size() + 1> counts{};
    std::uint64_t sum_ns = 0;
  };
  std::array<Kind, kCallKinds> kinds_{};
};

class Metrics {
 public:
  void count_start(bool warm) { ++(warm ? warm_starts_ : cold_starts_); }
  // From the request until the program was executed.
  void count_start_time(bool warm, std::chrono::nanoseconds took) {
    (warm ? warm_times_ : cold_times_).count(took);
  }
  void count_calls(const CallTimesReport& times) { calls_.count(times); }
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
  Histogram warm_times_;
  Histogram cold_times_;
  CallHistograms calls_;
  std::uint64_t failed_starts_ = 0;
  std::uint64_t adopted_ = 0;
  std::uint64_t refused_clients_ = 0;
  std::uint64_t lost_events_ = 0;
  std::uint64_t reloads_ = 0;
  std::map<std::string, std::uint64_t> ends_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> verdicts_;
};

}  // namespace yett
