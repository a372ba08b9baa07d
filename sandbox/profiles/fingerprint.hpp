// FNV-1a over static tables, at compile time: tells two versions of a table apart, and is no
// protection against anybody who could change it.
#pragma once

#include <cstdint>
#include <string_view>

namespace yett {

class Fingerprint {
 public:
  constexpr Fingerprint& add(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) add_byte(static_cast<std::uint8_t>(value >> shift));
    return *this;
  }
  constexpr Fingerprint& add(std::string_view text) {
    for (const char each : text) add_byte(static_cast<std::uint8_t>(each));
    return add(text.size());
  }
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }

 private:
  constexpr void add_byte(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001B3ULL; }
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace yett
