#include "supervisor/loop/call_times.hpp"

#include <algorithm>
#include <cstddef>

namespace yett {
namespace {

std::size_t place_of(std::chrono::nanoseconds took) {
  const auto bound = std::ranges::find_if(kCallTimeBoundsUs, [took](std::uint32_t each) {
    return took <= std::chrono::microseconds(each);
  });
  return static_cast<std::size_t>(bound - kCallTimeBoundsUs.begin());
}

}  // namespace

void CallTimes::count(CallKind kind, std::chrono::nanoseconds took) {
  Kind& counted = kinds_[static_cast<std::size_t>(kind)];
  counted.counts[place_of(took)].fetch_add(1);
  counted.sum_ns.fetch_add(static_cast<std::uint64_t>(took.count()));
  if (!has_untold()) untold_ = true;
}

// What is counted meanwhile is in this report or in the next one.
void CallTimes::tell() {
  if (!untold_.exchange(false)) return;
  CallTimesReport report;
  for (std::size_t kind = 0; kind < kCallKinds; ++kind) {
    for (std::size_t i = 0; i < report.kinds[kind].counts.size(); ++i)
      report.kinds[kind].counts[i] = kinds_[kind].counts[i].exchange(0);
    report.kinds[kind].sum_ns = kinds_[kind].sum_ns.exchange(0);
  }
  if (!tell_(report)) take_back(report);
}

void CallTimes::take_back(const CallTimesReport& report) {
  for (std::size_t kind = 0; kind < kCallKinds; ++kind) {
    for (std::size_t i = 0; i < report.kinds[kind].counts.size(); ++i)
      kinds_[kind].counts[i].fetch_add(report.kinds[kind].counts[i]);
    kinds_[kind].sum_ns.fetch_add(report.kinds[kind].sum_ns);
  }
  untold_ = true;
}

}  // namespace yett
