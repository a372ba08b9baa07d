// What a package asks for, within what the host allows. Where the two cannot be compared the
// host's rule stands.
#include <algorithm>
#include <cerrno>

#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

bool within_any(const std::string& path, const std::vector<PathRule>& rules) {
  return std::ranges::any_of(rules,
                             [&](const PathRule& rule) { return is_within(path, rule.path); });
}

// The parts of each list that lie within the other.
std::vector<PathRule> common_paths(const std::vector<PathRule>& bound,
                                   const std::vector<PathRule>& asked) {
  std::vector<PathRule> common;
  for (const PathRule& rule : asked)
    if (within_any(rule.path, bound)) common.push_back(rule);
  for (const PathRule& rule : bound)
    if (within_any(rule.path, asked) && !within_any(rule.path, common)) common.push_back(rule);
  return common;
}

std::vector<PathRule> all_paths(std::vector<PathRule> first, const std::vector<PathRule>& second) {
  for (const PathRule& rule : second)
    if (std::ranges::find(first, rule.path, &PathRule::path) == first.end()) first.push_back(rule);
  return first;
}

// An empty exec list lets everything visible be executed: the other list then decides.
std::vector<PathRule> common_exec(const std::vector<PathRule>& bound,
                                  const std::vector<PathRule>& asked) {
  if (bound.empty()) return asked;
  if (asked.empty()) return bound;
  std::vector<PathRule> common = common_paths(bound, asked);
  return common.empty() ? bound : common;
}

// A tmpfs gives no access to anything of the host's; only its size is bounded.
std::vector<TmpfsRule> common_tmpfs(const FilePolicy& bound, const FilePolicy& asked) {
  std::vector<TmpfsRule> common = bound.tmpfs;
  for (TmpfsRule& rule : common) {
    const auto found = std::ranges::find(asked.tmpfs, rule.path, &TmpfsRule::path);
    if (found != asked.tmpfs.end()) rule.size_bytes = std::min(rule.size_bytes, found->size_bytes);
  }
  return common;
}

FilePolicy common_files(const FilePolicy& bound, const FilePolicy& asked) {
  return {.read = common_paths(all_paths(bound.read, bound.write), asked.read),
          .write = common_paths(bound.write, asked.write),
          .exec = common_exec(bound.exec, asked.exec),
          .deny = all_paths(bound.deny, asked.deny),
          .tmpfs = common_tmpfs(bound, asked),
          .ask = bound.ask,
          .set_ids = bound.set_ids && asked.set_ids};
}

bool same_network(const EndpointRule& bound, const EndpointRule& asked) {
  if (bound.host == "*") return true;
  if (!bound.is_literal || !asked.is_literal) return bound.host == asked.host;
  if (bound.is_ipv6 != asked.is_ipv6 || asked.prefix_length < bound.prefix_length) return false;
  for (unsigned bit = 0; bit < bound.prefix_length; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if ((bound.address[bit / 8] & mask) != (asked.address[bit / 8] & mask)) return false;
  }
  return true;
}

bool covers(const EndpointRule& bound, const EndpointRule& asked) {
  if (bound.scheme != asked.scheme) return false;
  if (bound.scheme == EndpointScheme::unix_path) return bound.path == asked.path;
  return same_network(bound, asked) && bound.port_first <= asked.port_first &&
         asked.port_last <= bound.port_last;
}

std::vector<EndpointRule> covered(const std::vector<EndpointRule>& bound,
                                  std::vector<EndpointRule> asked) {
  std::erase_if(asked, [&](const EndpointRule& rule) {
    return std::ranges::none_of(bound,
                                [&](const EndpointRule& each) { return covers(each, rule); });
  });
  return asked;
}

NetworkPolicy common_network(const NetworkPolicy& bound, const NetworkPolicy& asked) {
  const NetworkMode bound_mode = bound.mode.value_or(NetworkMode::none);
  const NetworkMode asked_mode = asked.mode.value_or(NetworkMode::none);
  return {.mode = bound_mode == asked_mode ? bound_mode : NetworkMode::none,
          .connect = covered(bound.connect, asked.connect),
          .listen = covered(bound.listen, asked.listen)};
}

// From the widest to the narrowest.
int strictness(SyscallAction action) {
  switch (action) {
    case SyscallAction::allow:
      return 0;
    case SyscallAction::log:
      return 1;
    case SyscallAction::notify:
      return 2;
    case SyscallAction::refuse:
      return 3;
    case SyscallAction::kill:
      return 4;
  }
  return 4;
}

SyscallRule stricter(const SyscallRule& bound, const SyscallRule& asked) {
  if (strictness(asked.action) <= strictness(bound.action)) {
    const bool asked_adds_a_condition = bound.when.empty() && !asked.when.empty();
    return asked_adds_a_condition && asked.action == bound.action ? asked : bound;
  }
  // A narrower action for the same or no condition; the bound's condition must not be lost.
  if (bound.when.empty() || asked.action >= SyscallAction::refuse) return asked;
  SyscallRule rule = bound;
  rule.action = asked.action;
  return rule;
}

SyscallPolicy common_syscalls(const SyscallPolicy& bound, SyscallPolicy asked) {
  SyscallPolicy common;
  for (const SyscallRule& rule : bound.rules)
    if (const SyscallRule* other = asked.find(rule.number))
      common.rules.push_back(stricter(rule, *other));
  return common;
}

template <typename Value>
std::optional<Value> least(const std::optional<Value>& left, const std::optional<Value>& right) {
  if (!left) return right;
  return right ? std::min(*left, *right) : left;
}

LimitPolicy common_limits(const LimitPolicy& bound, const LimitPolicy& asked) {
  LimitPolicy common{.memory_bytes = least(bound.memory_bytes, asked.memory_bytes),
                     .swap_bytes = least(bound.swap_bytes, asked.swap_bytes),
                     .pids = least(bound.pids, asked.pids),
                     .cpus = least(bound.cpus, asked.cpus),
                     .wall = least(bound.wall, asked.wall),
                     .open_files = least(bound.open_files, asked.open_files),
                     .file_size_bytes = least(bound.file_size_bytes, asked.file_size_bytes),
                     .disk_bytes = least(bound.disk_bytes, asked.disk_bytes),
                     .sources = asked.sources};
  for (const auto& [key, source] : bound.sources) common.sources[key] = source;
  return common;
}

}  // namespace

Policy intersect_policy(const Policy& bound, const Policy& asked) {
  Policy common = bound;
  common.limits = common_limits(bound.limits, asked.limits);
  common.files = common_files(bound.files, asked.files);
  common.hardening = std::max(bound.hardening, asked.hardening);
  if (asked.unrestricted) return common;
  if (bound.unrestricted) {
    common.syscalls = asked.syscalls;
    common.network = asked.network;
    common.exec = asked.exec;
    common.unrestricted = false;
    return common;
  }
  common.syscalls = common_syscalls(bound.syscalls, asked.syscalls);
  common.network = common_network(bound.network, asked.network);
  common.exec.written_files = bound.exec.written_files && asked.exec.written_files;
  common.exec.memfd = bound.exec.memfd && asked.exec.memfd;
  return common;
}

}  // namespace yett
