#include "sandbox/profiles/open_checks.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include "sandbox/profiles/argument_checks.hpp"

namespace yett {
namespace {

using checks::all_of;

constexpr std::uint64_t kSetIds = S_ISUID | S_ISGID;
constexpr std::uint64_t kCreate = 0100;          // O_CREAT
constexpr std::uint64_t kUnnamed = 020000000;    // what O_TMPFILE has besides O_DIRECTORY
constexpr std::uint64_t kDirectory = 0200000;    // O_DIRECTORY
constexpr std::uint64_t kPathAlone = 010000000;  // O_PATH
static_assert(kCreate == O_CREAT && kDirectory == O_DIRECTORY && kPathAlone == O_PATH);
static_assert((kUnnamed | kDirectory) == O_TMPFILE);

consteval ArgumentCheck with(std::uint8_t index, std::uint64_t bit) {
  return {.index = index, .mask = bit, .value = bit};
}
consteval ArgumentCheck without(std::uint8_t index, std::uint64_t bits) {
  return {.index = index, .mask = bits, .value = 0};
}

template <std::uint8_t Flags>
inline constexpr std::array kOwn{
    all_of<with(Flags, kCreate), without(Flags + 1, kSetIds)>(),
    all_of<with(Flags, kUnnamed), without(Flags + 1, kSetIds)>(),
    all_of<with(Flags, kDirectory), without(Flags, kCreate | kUnnamed)>(),
    all_of<with(Flags, kPathAlone)>()};

}  // namespace

ArgumentConditions own_open_conditions(std::string_view call) {
  if (call == "open") return kOwn<1>;
  if (call == "openat") return kOwn<2>;
  return {};
}

}  // namespace yett
