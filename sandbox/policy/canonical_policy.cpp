// The text that two policies share exactly when they allow the same. Lists are sorted where order
// means nothing; where rules were written does not count.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sha256.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/builtin_syscalls.hpp"

namespace yett {
namespace {

using Text = fmt::memory_buffer;

template <typename... Arguments>
void add(Text& text, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
}

void add_sorted(Text& text, std::string_view name, std::vector<std::string> entries) {
  std::ranges::sort(entries);
  // Lengths keep a path that holds a newline from looking like two.
  for (const std::string& entry : entries) add(text, "{} {}:{}\n", name, entry.size(), entry);
}

template <typename Rule>
std::vector<std::string> written(const std::vector<Rule>& rules, std::string Rule::* member) {
  std::vector<std::string> entries;
  for (const Rule& rule : rules) entries.push_back(rule.*member);
  return entries;
}

void add_files(Text& text, const FilePolicy& files) {
  add_sorted(text, "read", written(files.read, &PathRule::path));
  add_sorted(text, "write", written(files.write, &PathRule::path));
  add_sorted(text, "exec", written(files.exec, &PathRule::path));
  add_sorted(text, "deny", written(files.deny, &PathRule::path));
  std::vector<std::string> tmpfs;
  for (const TmpfsRule& rule : files.tmpfs)
    tmpfs.push_back(fmt::format("{} {}", rule.path, rule.size_bytes));
  add_sorted(text, "tmpfs", std::move(tmpfs));
  if (files.set_ids) add(text, "set_ids\n");
  if (!files.ask.empty()) add_sorted(text, "ask", written(files.ask, &PathRule::path));
}

std::string endpoint_text(const EndpointRule& rule) {
  if (rule.scheme == EndpointScheme::unix_path) return "unix " + rule.path;
  const std::string host = rule.is_literal
                               ? fmt::format("{:02x}/{}{}", fmt::join(rule.address, ""),
                                             rule.prefix_length, rule.is_ipv6 ? " v6" : " v4")
                               : rule.host;
  return fmt::format("{} {} {}-{}", rule.scheme == EndpointScheme::tcp ? "tcp" : "udp", host,
                     rule.port_first, rule.port_last);
}

void add_endpoints(Text& text, std::string_view name, const std::vector<EndpointRule>& rules) {
  std::vector<std::string> entries;
  for (const EndpointRule& rule : rules) entries.push_back(endpoint_text(rule));
  add_sorted(text, name, std::move(entries));
}

void add_network(Text& text, const NetworkPolicy& network) {
  const int mode = network.mode ? static_cast<int>(*network.mode) : -1;
  add(text, "network {}\n", mode);
  add_endpoints(text, "connect", network.connect);
  add_endpoints(text, "listen", network.listen);
}

// Short and without fmt: most of the text, and made at every start.
void add_number(Text& text, std::uint64_t value) {
  std::array<char, 17> digits{};
  char* at = digits.data() + digits.size();
  do {
    *--at = "0123456789abcdef"[value % 16];
    value /= 16;
  } while (value != 0);
  text.append(at, digits.data() + digits.size());
}

void add_conditions(Text& text, ArgumentConditions conditions) {
  for (const ArgumentChecks checks : conditions) {
    text.push_back('|');
    for (const ArgumentCheck& check : checks) {
      text.push_back(static_cast<char>('a' + check.index));
      add_number(text, check.mask);
      text.push_back('=');
      add_number(text, check.value);
    }
  }
}

void add_rule(Text& text, const SyscallRule& rule) {
  add_number(text, rule.number);
  text.push_back(static_cast<char>('A' + static_cast<int>(rule.action)));
  text.push_back(static_cast<char>('A' + static_cast<int>(rule.otherwise)));
  text.push_back(rule.quiet ? 'q' : 'r');
  add_number(text, static_cast<std::uint64_t>(rule.refuse_errno));
  add_conditions(text, rule.when);
  text.push_back('\n');
}

// Conditions are static: the same ones lie at the same place.
bool same_rule(const SyscallRule& left, const SyscallRule& right) {
  return left.action == right.action && left.otherwise == right.otherwise &&
         left.quiet == right.quiet && left.refuse_errno == right.refuse_errno &&
         left.when.data() == right.when.data() && left.when.size() == right.when.size();
}

// What differs from the default table, and which table that is: short, for it is hashed at every
// start. A call of the table that has no rule stands as "NUMBER-".
void add_syscalls(Text& text, const SyscallPolicy& syscalls) {
  add(text, "table {:016x}\n", plugin_fingerprint());
  auto rule = syscalls.rules.begin();
  for (const SyscallEntry& entry : all_syscalls()) {
    if (rule == syscalls.rules.end() || rule->number != entry.number) {
      add(text, "{:x}-\n", entry.number);
      continue;
    }
    if (!same_rule(*rule, make_plugin_rule(entry))) add_rule(text, *rule);
    ++rule;
  }
}

void add_limits(Text& text, const LimitPolicy& limits) {
  const auto number = [&text](std::string_view name, const std::optional<std::uint64_t>& value) {
    if (value) add(text, "{} {}\n", name, *value);
  };
  number("memory", limits.memory_bytes);
  number("swap", limits.swap_bytes);
  number("pids", limits.pids);
  number("open_files", limits.open_files);
  number("file_size", limits.file_size_bytes);
  number("disk", limits.disk_bytes);
  if (limits.cpus) add(text, "cpu {}\n", *limits.cpus);
  if (limits.wall) add(text, "wall {}\n", limits.wall->count());
}

// Only what was changed: most policies have nothing of it.
void add_truth(Text& text, const TruthPolicy& truth) {
  if (truth.resources != ResourceTruth::limits)
    add(text, "truth {}\n", static_cast<int>(truth.resources));
  if (!truth.release.empty()) add_sorted(text, "release", {truth.release});
  if (!truth.version.empty()) add_sorted(text, "version", {truth.version});
  if (!truth.machine.empty()) add_sorted(text, "machine", {truth.machine});
}

}  // namespace

std::string canonical_policy(const Policy& policy) {
  Text text;
  add(text, "unrestricted {} hardening {} loss {} violation {} written {} memfd {}\n",
      policy.unrestricted, static_cast<int>(policy.hardening),
      static_cast<int>(policy.supervisor_loss), static_cast<int>(policy.violation),
      policy.exec.written_files, policy.exec.memfd);
  if (policy.violation == ViolationAction::ask) add(text, "ask_time {}\n", policy.ask_time.count());
  if (policy.live) add(text, "live\n");
  add_files(text, policy.files);
  add_network(text, policy.network);
  add_limits(text, policy.limits);
  add_truth(text, policy.truth);
  add_syscalls(text, policy.syscalls);
  return fmt::to_string(text);
}

std::string hash_policy(const Policy& policy) {
  const std::string text = canonical_policy(policy);
  std::array<char, SHA256_DIGEST_STRING_LENGTH> hex{};
  ::SHA256Data(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), hex.data());
  return hex.data();
}

}  // namespace yett
