// The built-in policies, made from static tables: `yett run` pays microseconds for its default.
#include <array>

#include "base/text.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/builtin_syscalls.hpp"
#include "sandbox/profiles/container_syscalls.hpp"

namespace yett {
namespace {

constexpr std::array<std::string_view, 4> kNames{"plugin", "container", "rvisor", "none"};

Policy make_bounds(std::string_view name) {
  Policy policy;
  policy.name = name;
  policy.network.mode = NetworkMode::none;
  const SourceLocation here{policy.name, 0, 0};
  policy.files.tmpfs.push_back({"/tmp", 64ULL << 20, here});
  policy.limits.pids = 256;
  policy.limits.open_files = 1024;
  policy.limits.sources = {{"pids", here}, {"open_files", here}};
  policy.exec.written_files_source = here;
  return policy;
}

Policy make_none() {
  Policy policy;
  policy.name = "none";
  policy.unrestricted = true;
  policy.exec = {.written_files = true, .memfd = true, .written_files_source = {"none", 0, 0}};
  return policy;
}

}  // namespace

Policy make_container_policy(std::uint64_t capabilities) {
  Policy policy;
  policy.name = "container";
  const SourceLocation here{policy.name, 0, 0};
  policy.network.mode = NetworkMode::none;
  policy.files.tmpfs.push_back({"/tmp", 64ULL << 20, here});
  policy.exec = {.written_files = true, .memfd = true, .written_files_source = here};
  policy.syscalls.rules = make_container_syscalls(capabilities);
  return policy;
}

std::vector<std::string_view> builtin_policy_names() { return {kNames.begin(), kNames.end()}; }

Result<Policy> make_builtin_policy(std::string_view name) {
  if (name == "none") return make_none();
  if (name == "container") return make_container_policy(default_container_capabilities());
  if (name != "plugin" && name != "rvisor") {
    const auto nearest = nearest_name(name, kNames);
    return fail(request_error("policy '" + escape_for_terminal(name) + "'", "no such built-in",
                              nearest ? "did you mean '" + std::string(*nearest) + "'?"
                                      : "built-in are plugin, container, rvisor and none"));
  }
  Policy policy = make_bounds(name);
  policy.syscalls.rules = name == "plugin" ? make_plugin_syscalls() : make_rvisor_syscalls();
  return policy;
}

}  // namespace yett
