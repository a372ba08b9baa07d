// yettd's configuration: whatever is read keeps to its own bounds, and what is not is told in lines
// that a terminal can show.
#include <cstdint>
#include <string_view>

#include "base/text.hpp"
#include "supervisor/daemon/daemon_config.hpp"
#include "tests/fuzz/fuzz_input.hpp"

using yett::test::need;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = [](const std::vector<std::string>& options) -> std::optional<std::string> {
    if (options.empty() || options[0] != "--wrong") return std::nullopt;
    return "--wrong: no such option";
  };
  const auto read = yett::parse_daemon_config(text, "yettd.toml", check);
  if (!read) {
    for (const char each : read.error().message())
      need(each == '\n' || (static_cast<unsigned char>(each) >= 0x20 && each != 0x7f),
           "a message that can be shown");
    return 0;
  }
  need(read->socket.starts_with('/') && read->socket.size() <= 107, "a socket's path");
  need(read->metrics.empty() || read->metrics.starts_with('/'), "a socket's path, or none");
  need(read->most_sandboxes >= 1 && read->most_sandboxes <= 10'000, "a bound");
  need(read->most_per_user >= 1 && read->most_per_user <= 10'000, "a user's bound");
  for (const auto& [name, made_of] : read->templates) {
    need(!name.empty() && name.size() <= 32, "a name");
    need(made_of.pool <= 256, "a pool's bound");
    need(made_of.options.empty() || made_of.options[0] != "--wrong", "options that were checked");
  }
  return 0;
}
