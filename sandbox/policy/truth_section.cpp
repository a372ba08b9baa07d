// [truth]: what the sandbox is told of the machine it runs on.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sandbox/policy/policy_sections.hpp"

namespace yett {
namespace {

// A field of struct utsname, its terminating zero included.
constexpr std::size_t kFieldBytes = 65;

bool is_printable(char each) { return each >= ' ' && each <= '~'; }

void read_field(TomlReader& reader, const toml::table& table, std::string_view key,
                std::string& into) {
  const auto written = reader.text(table, key);
  if (!written) return;
  if (written->text.empty() || written->text.size() >= kFieldBytes ||
      !std::ranges::all_of(written->text, is_printable))
    return reader.note(
        written->source,
        fmt::format("'{}' must be 1 to {} printable ASCII characters", key, kFieldBytes - 1));
  into = written->text;
}

}  // namespace

void read_truth(TomlReader& reader, const toml::table& table, Policy& policy) {
  constexpr std::array<std::string_view, 4> kKeys{"resources", "release", "version", "machine"};
  constexpr std::array<std::string_view, 3> kResources{"limits", "lxcfs", "host"};
  reader.check_keys(table, "[truth]", kKeys);
  if (const auto chosen = reader.choice(table, "resources", kResources))
    policy.truth.resources =
        std::array{ResourceTruth::limits, ResourceTruth::lxcfs, ResourceTruth::host}[*chosen];
  read_field(reader, table, "release", policy.truth.release);
  read_field(reader, table, "version", policy.truth.version);
  read_field(reader, table, "machine", policy.truth.machine);
}

}  // namespace yett
