// How long a supervisor took for the calls that it was notified of: what it tells yettd, as one
// message of its line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace yett {

// What became of a call, by what it costs.
enum class CallKind : std::uint32_t {
  refused,     // by the rule alone
  let_run,     // the same
  emulated,    // done in the target's place
  opened,      // a file, handed over; or found to be one that somebody is to be asked about
  redirected,  // a name of a file that leads to a tree of changes
  lent,        // a socket of another network
  control,     // a command on /dev/yett
};
inline constexpr std::size_t kCallKinds = 7;

// Upper bounds in microseconds; one more count is of those beyond the last.
inline constexpr std::array<std::uint32_t, 14> kCallTimeBoundsUs{
    5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10'000, 100'000, 1'000'000, 5'000'000};

// Since the last message.
struct CallTimesReport {
  struct Kind {
    std::array<std::uint32_t, kCallTimeBoundsUs.size() + 1> counts{};
    std::uint32_t reserved = 0;
    std::uint64_t sum_ns = 0;
  };
  std::array<Kind, kCallKinds> kinds{};
};

}  // namespace yett
