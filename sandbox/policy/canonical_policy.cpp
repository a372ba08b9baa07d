// The text that two policies share exactly when they allow the same. Lists are sorted where order
// means nothing; where rules were written does not count.
#include <fmt/format.h>
#include <nettle/sha2.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/builtin_syscalls.hpp"

namespace yett {
namespace {

using Text = fmt::memory_buffer;

template <typename... Arguments>
void add(Text& text, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
}

void add_text(Text& text, std::string_view more) {
  text.append(more.data(), more.data() + more.size());
}

void add_decimal(Text& text, std::uint64_t value) {
  const fmt::format_int digits(value);
  text.append(digits.data(), digits.data() + digits.size());
}

void add_bytes(Text& text, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    text.push_back("0123456789abcdef"[byte >> 4]);
    text.push_back("0123456789abcdef"[byte & 15]);
  }
}

// Lengths keep a path that holds a newline from looking like two.
template <typename Entries>
void add_entries(Text& text, std::string_view name, Entries& entries) {
  if (!std::ranges::is_sorted(entries)) std::ranges::sort(entries);
  for (const std::string_view entry : entries) {
    add_text(text, name);
    text.push_back(' ');
    add_decimal(text, entry.size());
    text.push_back(':');
    add_text(text, entry);
    text.push_back('\n');
  }
}

void add_sorted(Text& text, std::string_view name, std::vector<std::string> entries) {
  add_entries(text, name, entries);
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

// "tcp 0a000000000000000000000000000000/8 v4 443-443": of thousands, so without fmt's own work.
void add_endpoint(Text& text, const EndpointRule& rule) {
  if (rule.scheme == EndpointScheme::unix_path) {
    add_text(text, "unix ");
    return add_text(text, rule.path);
  }
  add_text(text, rule.scheme == EndpointScheme::tcp ? "tcp " : "udp ");
  if (rule.is_literal) {
    add_bytes(text, rule.address);
    text.push_back('/');
    add_decimal(text, rule.prefix_length);
    add_text(text, rule.is_ipv6 ? " v6" : " v4");
  } else {
    add_text(text, rule.host);
  }
  text.push_back(' ');
  add_decimal(text, rule.port_first);
  text.push_back('-');
  add_decimal(text, rule.port_last);
}

// As add_sorted, with all entries in one piece of memory.
void add_endpoints(Text& text, std::string_view name, const EndpointList& rules) {
  constexpr std::size_t kUsual = 64;  // bytes of an entry: growing would copy all of them thrice
  Text all;
  all.reserve(rules.size() * kUsual);
  text.reserve(text.size() + rules.size() * (kUsual + name.size()));
  std::vector<std::size_t> ends;
  ends.reserve(rules.size());
  for (const EndpointRule& rule : rules) {
    add_endpoint(all, rule);
    ends.push_back(all.size());
  }
  std::vector<std::string_view> entries;
  entries.reserve(rules.size());
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    entries.emplace_back(all.data() + begin, end - begin);
    begin = end;
  }
  add_entries(text, name, entries);
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

Text canonical_text(const Policy& policy) {
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
  return text;
}

}  // namespace

std::string canonical_policy(const Policy& policy) {
  return fmt::to_string(canonical_text(policy));
}

std::string hash_policy(const Policy& policy) {
  const Text text = canonical_text(policy);
  ::sha256_ctx context{};
  ::sha256_init(&context);
  ::sha256_update(&context, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
  ::sha256_digest(&context, digest.size(), digest.data());
  Text hex;
  add_bytes(hex, digest);
  return fmt::to_string(hex);
}

}  // namespace yett
