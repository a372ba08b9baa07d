#include "supervisor/explain/other_refusals.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

namespace yett {
namespace {

constexpr std::string_view kAbstract = "unix:@";

bool is_fork(std::uint32_t call) {
  return call == SYS_clone || call == SYS_fork || call == SYS_vfork;
}

bool is_loopback(std::string_view endpoint) {
  return endpoint.find("//127.") != std::string_view::npos ||
         endpoint.find("//[::1]") != std::string_view::npos;
}

std::string landlock_endpoint(std::string_view endpoint) {
  return fmt::format("tcp://*:{}", endpoint.substr(endpoint.rfind(':') + 1));
}

const PlacedRule* placed_rule(const SandboxPlan& plan, std::string_view name) {
  const auto found = std::ranges::find(plan.rules, name, &PlacedRule::rule);
  return found == plan.rules.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> limit_of(const SandboxPlan& plan, int resource) {
  for (const RlimitEntry& entry : plan.rlimits)
    if (entry.resource == resource) return entry.soft;
  return std::nullopt;
}

std::optional<Refusal> reached(const SandboxPlan& plan, const std::string& key, std::uint64_t limit,
                               std::string object) {
  const PlacedRule* row = placed_rule(plan, "limits." + key);
  if (row == nullptr) return std::nullopt;
  return Refusal{.plane = row->plane,
                 .rule = fmt::format("{}: limits.{} = {}", row->source.text(), key, limit),
                 .object = std::move(object),
                 .resolved = {},
                 .change = {set_value("limits", key, std::to_string(2 * limit))}};
}

}  // namespace

std::optional<Refusal> explain_network(const SandboxPlan& plan, const ObservedCall& call) {
  const std::string& endpoint = call.endpoint;
  if (endpoint.empty() || call.error == 0) return std::nullopt;
  if (endpoint.starts_with(kAbstract)) {
    if (call.error != EPERM || plan.landlock.scoped == 0) return std::nullopt;
    return Refusal{.plane = Plane::landlock,
                   .rule = "built in: abstract sockets of others",
                   .object = endpoint,
                   .resolved = "an abstract socket that no process of this sandbox made",
                   .change = {}};
  }
  if (endpoint.starts_with("unix:")) return std::nullopt;
  const bool connects = call.snapshot.call != SYS_bind;
  const char* key = connects ? "connect" : "listen";
  if (call.error == EACCES && plan.landlock.handled_net != 0)
    return Refusal{.plane = Plane::landlock,
                   .rule = fmt::format("network.{}", key),
                   .object = endpoint,
                   .resolved = "an address of the host's network",
                   .change = {add_to("network", key, landlock_endpoint(endpoint))}};
  const bool unreachable = call.error == ENETUNREACH || call.error == EADDRNOTAVAIL;
  if (plan.namespaces.network != NetworkNamespace::fresh || !unreachable || is_loopback(endpoint))
    return std::nullopt;
  return Refusal{.plane = Plane::namespaces,
                 .rule = fmt::format("{}: network.mode = none", plan.policy_name),
                 .object = endpoint,
                 .resolved = "the sandbox's own network namespace: a loopback and no more",
                 .change = {add_to("network", key, endpoint)}};
}

std::optional<Refusal> explain_limit(const SandboxPlan& plan, const ObservedCall& call) {
  if (call.error == EMFILE)
    if (const auto limit = limit_of(plan, RLIMIT_NOFILE))
      return reached(plan, "open_files", *limit, "descriptors of one process");
  if (call.error == EFBIG)
    if (const auto limit = limit_of(plan, RLIMIT_FSIZE))
      return reached(plan, "file_size", *limit, "bytes of one file");
  if (call.error != EAGAIN || !is_fork(call.snapshot.call)) return std::nullopt;
  if (plan.cgroup.pids) return reached(plan, "pids", *plan.cgroup.pids, "processes and threads");
  if (const auto limit = limit_of(plan, RLIMIT_NPROC))
    return reached(plan, "pids", *limit, "processes and threads");
  return std::nullopt;
}

std::vector<PolicyChange> grant_limit(const ObservedCall& call) {
  if (!call.wanted_limit || *call.wanted_limit == RLIM_INFINITY) return {};
  const bool is_setrlimit = call.snapshot.call == SYS_setrlimit;
  const std::string value = std::to_string(*call.wanted_limit);
  switch (static_cast<unsigned>(call.snapshot.arguments[is_setrlimit ? 0 : 1])) {
    case RLIMIT_NOFILE:
      return {set_value("limits", "open_files", value)};
    case RLIMIT_FSIZE:
      return {set_value("limits", "file_size", value)};
    case RLIMIT_NPROC:
      return {set_value("limits", "pids", value)};
    default:
      return {};
  }
}

}  // namespace yett
