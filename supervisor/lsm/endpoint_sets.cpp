#include "supervisor/lsm/endpoint_sets.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace yett {
namespace {

constexpr std::size_t kMostEarlier = 200;  // of 255 numbers

EndpointList joined(const EndpointList& rules, const std::vector<EndpointRule>& more) {
  if (more.empty()) return rules;
  std::vector<EndpointRule> all = rules;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// Until each CPU has left the programs that it was in.
void wait_for_programs() {
  static_cast<void>(::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
}

}  // namespace

Status EndpointSets::set_more_connect(EndpointMaps maps, const std::vector<EndpointRule>& more) {
  YETT_TRY(const auto table,
           make_endpoint_table(policy_, joined(rules_.connect, more), rules_.listen, number_));
  return write_endpoints(maps, name_, table, keys_);
}

std::uint8_t EndpointSets::free_number() const {
  std::uint8_t number = number_;
  do {
    ++number;
  } while (std::ranges::find(earlier_, number, &Earlier::number) != earlier_.end());
  return number;
}

void EndpointSets::remove_earlier(EndpointMaps maps, Clock::time_point before) {
  std::erase_if(earlier_, [&](const Earlier& earlier) {
    if (earlier.since > before) return false;
    remove_endpoints(maps, earlier.keys);
    return true;
  });
}

Status EndpointSets::write(EndpointMaps maps, const std::vector<EndpointEntry>& table,
                           std::vector<yett_endpoint_key>& keys) {
  Status written = write_endpoints(maps, name_, table, keys);
  if (!written) {
    remove_endpoints(maps, keys);
    keys.clear();
  }
  return written;
}

Status EndpointSets::replace(EndpointMaps maps, EndpointRules rules,
                             const std::vector<EndpointRule>& more,
                             const std::function<Status(std::uint8_t)>& name_set) {
  const auto now = Clock::now();
  remove_earlier(maps, now - kGrace);
  const bool crowded = earlier_.size() >= kMostEarlier;
  if (crowded) {
    wait_for_programs();
    remove_earlier(maps, now);
  }
  const std::uint8_t number = free_number();
  YETT_TRY(const auto table,
           make_endpoint_table(policy_, joined(rules.connect, more), rules.listen, number));
  std::vector<yett_endpoint_key> keys;
  Status written = write(maps, table, keys);
  if (!written && !earlier_.empty()) {  // the map is full of earlier sets
    wait_for_programs();
    remove_earlier(maps, now);
    written = write(maps, table, keys);
  }
  if (written) written = name_set(number);
  if (!written) {
    remove_endpoints(maps, keys);
    return written;
  }
  earlier_.push_back({.number = number_, .keys = std::move(keys_), .since = Clock::now()});
  number_ = number;
  keys_ = std::move(keys);
  rules_ = std::move(rules);
  return {};
}

void EndpointSets::remove_all(EndpointMaps maps) {
  remove_endpoints(maps, keys_);
  for (const Earlier& earlier : earlier_) remove_endpoints(maps, earlier.keys);
}

}  // namespace yett
