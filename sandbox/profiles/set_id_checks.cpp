#include "sandbox/profiles/set_id_checks.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "sandbox/profiles/argument_checks.hpp"

namespace yett {
namespace {

using checks::all_of;

constexpr std::uint64_t kSetIds = S_ISUID | S_ISGID;
// O_CREAT, and what O_TMPFILE has besides O_DIRECTORY: without one of them open looks at no mode,
// and callers leave what they like in its register.
constexpr std::uint64_t kMakes = 0100 | 020000000;

consteval ArgumentCheck without(std::uint8_t index, std::uint64_t bits) {
  return {.index = index, .mask = bits, .value = 0};
}
consteval ArgumentCheck regular(std::uint8_t index, std::uint64_t type) {
  return {.index = index, .mask = S_IFMT | kSetIds, .value = type};
}
consteval ArgumentCheck fifo(std::uint8_t index) {
  return {.index = index, .mask = S_IFMT, .value = S_IFIFO};
}

template <std::uint8_t Mode>
inline constexpr std::array kMode{all_of<without(Mode, kSetIds)>()};
template <std::uint8_t Flags>
inline constexpr std::array kOpen{all_of<without(Flags + 1, kSetIds)>(),
                                  all_of<without(Flags, kMakes)>()};
// With argument_profiles.hpp's own condition: FIFOs and regular files.
template <std::uint8_t Mode>
inline constexpr std::array kNode{all_of<regular(Mode, S_IFREG)>(), all_of<regular(Mode, 0)>(),
                                  all_of<fifo(Mode)>()};

// mkdir and mkdirat give neither bit, whatever is asked for.
struct SetIdCall {
  std::string_view name;
  int mode = -1;  // its register
  ArgumentConditions when;
};
constexpr std::array kCalls{
    SetIdCall{"open", 2, kOpen<1>},     SetIdCall{"creat", 1, kMode<1>},
    SetIdCall{"openat", 3, kOpen<2>},   SetIdCall{"openat2", -1, {}},
    SetIdCall{"chmod", 1, kMode<1>},    SetIdCall{"fchmod", 1, kMode<1>},
    SetIdCall{"fchmodat", 2, kMode<2>}, SetIdCall{"fchmodat2", 2, kMode<2>},
    SetIdCall{"mknod", 1, kNode<1>},    SetIdCall{"mknodat", 2, kNode<2>},
};

const SetIdCall* find_call(std::string_view name) {
  const auto* found = std::ranges::find(kCalls, name, &SetIdCall::name);
  return found == kCalls.end() ? nullptr : found;
}

}  // namespace

ArgumentConditions no_set_id_conditions(std::string_view call) {
  const SetIdCall* found = find_call(call);
  return found == nullptr ? ArgumentConditions() : found->when;
}

bool is_set_id_call(std::string_view call) { return find_call(call) != nullptr; }

bool asks_for_set_id(std::string_view call, const std::array<std::uint64_t, 6>& arguments) {
  const SetIdCall* found = find_call(call);
  if (found == nullptr) return false;
  if (found->mode < 0) return true;
  const auto mode = static_cast<std::size_t>(found->mode);
  const bool makes = !call.starts_with("open") || (arguments[mode - 1] & kMakes) != 0;
  return makes && (arguments[mode] & kSetIds) != 0;
}

}  // namespace yett
