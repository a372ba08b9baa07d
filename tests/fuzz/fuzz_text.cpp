// Numbers, sizes, durations and names that people and packages hand in.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace {

// What is printed must not be able to steer a terminal or forge a line of a log.
void check_escaped(std::string_view text) {
  for (const char byte : yett::escape_for_terminal(text))
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto number = yett::parse_decimal(text); number && std::to_string(*number) != text)
    std::abort();
  (void)yett::parse_size(text);
  (void)yett::parse_duration(text);
  check_escaped(text);
  static constexpr std::array<std::string_view, 3> kNames{"memory", "swap", "pids"};
  if (size < 256) (void)yett::nearest_name(text, kNames);
  return 0;
}
