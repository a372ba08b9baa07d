// Conditions on arguments, written as values: the static arrays that a rule's `when` points into.
#pragma once

#include <array>
#include <cstdint>

#include "sandbox/profiles/syscall_rule.hpp"

namespace yett::checks {

inline constexpr std::uint64_t k32Bits = 0xFFFFFFFF;

template <ArgumentCheck... Checks>
inline constexpr std::array<ArgumentCheck, sizeof...(Checks)> kChecks{Checks...};
template <ArgumentCheck... Checks>
constexpr ArgumentChecks all_of() {
  return kChecks<Checks...>;
}

// An int argument with exactly this value.
consteval ArgumentCheck is(std::uint8_t index, std::uint64_t value) {
  return {.index = index, .mask = k32Bits, .value = value & k32Bits};
}

// An int argument with one of these values.
template <std::uint8_t Index, std::uint64_t... Values>
inline constexpr std::array<ArgumentChecks, sizeof...(Values)> kOneOf{
    all_of<is(Index, Values)>()...};

}  // namespace yett::checks
