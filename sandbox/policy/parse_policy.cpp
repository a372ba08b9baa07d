#include "sandbox/policy/parse_policy.hpp"

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "sandbox/policy/contradictions.hpp"
#include "sandbox/policy/paths.hpp"
#include "sandbox/policy/policy_sections.hpp"
#include "sandbox/policy/toml_reader.hpp"

namespace yett {
namespace {

constexpr std::size_t kMaxPolicyBytes = 1 << 20;
constexpr std::array<std::string_view, 10> kTopKeys{"extends", "hardening", "live",   "files",
                                                    "network", "syscalls",  "limits", "exec",
                                                    "truth",   "on"};

// The policy that the file changes. Unreadable: plugin, so that the rest is still checked.
Policy extended_policy(TomlReader& reader, const toml::table& top) {
  const auto names = builtin_policy_names();
  const auto chosen = reader.choice(top, "extends", names);
  return *make_builtin_policy(chosen ? names[*chosen] : "plugin");
}

void read_top(TomlReader& reader, const toml::table& top, Policy& policy) {
  constexpr std::array<std::string_view, 2> kHardening{"normal", "stacked"};
  if (const auto chosen = reader.choice(top, "hardening", kHardening))
    policy.hardening = *chosen == 1 ? Hardening::stacked : Hardening::normal;
  if (const auto live = reader.boolean(top, "live")) policy.live = *live;
  if (const auto* table = reader.table(top, "files")) read_files(reader, *table, policy);
  if (const auto* table = reader.table(top, "network")) read_network(reader, *table, policy);
  if (const auto* table = reader.table(top, "exec")) read_exec(reader, *table, policy);
  if (const auto* table = reader.table(top, "syscalls")) read_syscalls(reader, *table, policy);
  if (const auto* table = reader.table(top, "limits")) read_limits(reader, *table, policy);
  if (const auto* table = reader.table(top, "truth")) read_truth(reader, *table, policy);
  if (const auto* table = reader.table(top, "on")) read_on(reader, *table, policy);
}

// Rules that a policy without filter and planes would only pretend to hold.
void refuse_rules_of_none(TomlReader& reader, const toml::table& top, const Policy& policy) {
  if (!policy.unrestricted) return;
  for (const char* key : {"network", "syscalls", "exec"})
    if (const toml::node* node = top.get(key))
      reader.note(reader.location_of(*node),
                  fmt::format("[{}] cannot be held: 'none' has no filter (extend 'plugin')", key));
}

}  // namespace

Result<Policy> parse_policy(std::string_view text, std::string_view file_name) {
  TomlReader reader(file_name);
  if (text.size() > kMaxPolicyBytes)
    return fail(request_error(std::string(file_name), "a policy has at most 1 MiB"));
  const auto top = reader.parse_without_long_lists(text);
  if (!top) return fail(reader.error());
  reader.check_keys(*top, "", kTopKeys);
  Policy policy = extended_policy(reader, *top);
  policy.name = file_name;
  refuse_rules_of_none(reader, *top, policy);
  read_top(reader, *top, policy);
  note_contradictions(reader, policy);
  if (reader.failed()) return fail(reader.error());
  if (reader.has_unread_list())
    return fail(
        request_error(policy.name, "one of its lists was not read", "report this as a bug"));
  return policy;
}

}  // namespace yett
