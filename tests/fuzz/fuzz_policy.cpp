// Policy files, and what is made of them: whatever parses must hash, intersect and compile, and no
// intersection may reach a call that its bound does not.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace {

void check_bounded(const yett::Policy& bound, const yett::Policy& asked) {
  yett::Policy limits = bound;
  const yett::Policy common = yett::intersect_policy(bound, asked);
  for (const yett::SyscallRule& rule : common.syscalls.rules) {
    if (!rule.reachable()) continue;
    const yett::SyscallRule* limit = limits.syscalls.find(rule.number);
    if (limit == nullptr || !limit->reachable()) std::abort();
    if (rule.when.empty() && !limit->when.empty()) std::abort();
  }
  if (common.exec.written_files && !bound.exec.written_files) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const yett::Policy kPlugin = *yett::make_builtin_policy("plugin");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)yett::parse_endpoint(text);
  const auto policy = yett::parse_policy(text, "fuzz.toml");
  if (!policy) {
    if (policy.error().message().empty()) std::abort();
    return 0;
  }
  if (yett::hash_policy(*policy).size() != 64) std::abort();
  if (!policy->unrestricted) check_bounded(kPlugin, *policy);
  yett::FilterPlan plan;
  plan.rules = policy->syscalls.rules;
  if (!yett::compile_filter(plan)) std::abort();
  return 0;
}
