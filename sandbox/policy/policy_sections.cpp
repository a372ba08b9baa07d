#include "sandbox/policy/policy_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

std::string shown(std::string_view text) { return escape_for_terminal(text); }

// A path of a list, normalised; nullopt and a note when it cannot be one.
std::optional<std::string> read_path(TomlReader& reader, const TomlText& written) {
  auto normal = normalise_path(written.text);
  if (normal) return std::move(*normal);
  reader.note(written.source, fmt::format("'{}': {}", shown(written.text), normal.error()));
  return std::nullopt;
}

std::vector<PathRule> read_paths(TomlReader& reader, const toml::table& table,
                                 std::string_view key) {
  std::vector<PathRule> rules;
  for (const TomlText& written : reader.texts(table, key)) {
    auto path = read_path(reader, written);
    if (!path) continue;
    if (std::ranges::find(rules, *path, &PathRule::path) != rules.end())
      reader.note(written.source, fmt::format("'{}' is listed twice", shown(*path)));
    else
      rules.push_back({std::move(*path), written.source});
  }
  return rules;
}

// "64M" or a number of bytes.
std::optional<std::uint64_t> read_bytes(TomlReader& reader, const toml::node& node,
                                        std::string_view key) {
  if (const auto* number = node.as_integer(); number != nullptr && number->get() >= 0)
    return static_cast<std::uint64_t>(number->get());
  if (const auto* text = node.as_string())
    if (const auto size = parse_size(text->get())) return size;
  reader.note(reader.location_of(node),
              fmt::format("'{}' must be a size: \"64M\", \"1G\" or a number of bytes", key));
  return std::nullopt;
}

void read_tmpfs(TomlReader& reader, const toml::table& table, Policy& policy) {
  for (const auto& [key, node] : table) {
    const SourceLocation source = reader.location_of(key.source());
    const auto path = read_path(reader, {key.str(), source});
    const auto size = read_bytes(reader, node, key.str());
    if (!path || !size) continue;
    if (*size < 4096) {
      reader.note(reader.location_of(node), "a tmpfs needs at least one page (4096 bytes)");
      continue;
    }
    std::erase_if(policy.files.tmpfs, [&](const TmpfsRule& rule) { return rule.path == *path; });
    policy.files.tmpfs.push_back({*path, *size, source});
  }
}

std::vector<EndpointRule> read_endpoints(TomlReader& reader, const toml::table& table,
                                         std::string_view key) {
  std::vector<EndpointRule> rules;
  rules.reserve(reader.count_texts(table, key));
  reader.for_each_text(table, key, [&](const TomlText& written) {
    auto rule = parse_endpoint(written.text);
    if (!rule) return reader.note(written.source, rule.error().message());
    rule->source = written.source;
    rules.push_back(std::move(*rule));
  });
  return rules;
}

// Long enough to be read, and short enough not to be forgotten.
void read_ask_time(TomlReader& reader, const toml::table& table, Policy& policy) {
  constexpr std::chrono::milliseconds kLeast{100};
  constexpr std::chrono::milliseconds kMost{3'600'000};
  const auto written = reader.text(table, "ask_time");
  if (!written) return;
  const auto time = parse_duration(written->text);
  if (time && *time >= kLeast && *time <= kMost)
    policy.ask_time = *time;
  else
    reader.note(written->source, "'ask_time' must be a time from \"100ms\" to \"1h\"");
}

}  // namespace

void read_files(TomlReader& reader, const toml::table& table, Policy& policy) {
  constexpr std::array<std::string_view, 7> kKeys{"read", "write", "exec",   "deny",
                                                  "ask",  "tmpfs", "set_ids"};
  reader.check_keys(table, "[files]", kKeys);
  policy.files.read = read_paths(reader, table, "read");
  policy.files.write = read_paths(reader, table, "write");
  policy.files.exec = read_paths(reader, table, "exec");
  policy.files.deny = read_paths(reader, table, "deny");
  policy.files.ask = read_paths(reader, table, "ask");
  if (const auto set_ids = reader.boolean(table, "set_ids")) policy.files.set_ids = *set_ids;
  if (const toml::table* tmpfs = reader.table(table, "tmpfs")) read_tmpfs(reader, *tmpfs, policy);
}

void read_network(TomlReader& reader, const toml::table& table, Policy& policy) {
  constexpr std::array<std::string_view, 3> kKeys{"mode", "connect", "listen"};
  constexpr std::array<std::string_view, 3> kModes{"none", "host", "private"};
  reader.check_keys(table, "[network]", kKeys);
  policy.network.mode.reset();
  if (const auto mode = reader.choice(table, "mode", kModes))
    policy.network.mode =
        std::array{NetworkMode::none, NetworkMode::host, NetworkMode::isolated}[*mode];
  policy.network.connect = read_endpoints(reader, table, "connect");
  policy.network.listen = read_endpoints(reader, table, "listen");
}

void read_exec(TomlReader& reader, const toml::table& table, Policy& policy) {
  constexpr std::array<std::string_view, 2> kKeys{"written_files", "memfd"};
  reader.check_keys(table, "[exec]", kKeys);
  if (const auto written = reader.boolean(table, "written_files")) {
    policy.exec.written_files = *written;
    policy.exec.written_files_source = reader.location_of(*table.get("written_files"));
  }
  if (const auto memfd = reader.boolean(table, "memfd")) policy.exec.memfd = *memfd;
}

void read_on(TomlReader& reader, const toml::table& table, Policy& policy) {
  constexpr std::array<std::string_view, 3> kKeys{"supervisor_loss", "violation", "ask_time"};
  constexpr std::array<std::string_view, 3> kLoss{"adopt", "freeze", "kill"};
  constexpr std::array<std::string_view, 3> kViolation{"deny", "kill", "ask"};
  reader.check_keys(table, "[on]", kKeys);
  if (const auto chosen = reader.choice(table, "supervisor_loss", kLoss))
    policy.supervisor_loss =
        std::array{SupervisorLoss::adopt, SupervisorLoss::freeze, SupervisorLoss::kill}[*chosen];
  if (const auto chosen = reader.choice(table, "violation", kViolation))
    policy.violation =
        std::array{ViolationAction::deny, ViolationAction::kill, ViolationAction::ask}[*chosen];
  read_ask_time(reader, table, policy);
}

}  // namespace yett
