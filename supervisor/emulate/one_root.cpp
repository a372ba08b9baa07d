#include "supervisor/emulate/one_root.hpp"

#include <sched.h>

#include <algorithm>
#include <string_view>

namespace yett {
namespace {

// clone(2) whose flags the filter holds to processes and threads of the same namespaces.
bool keeps_namespaces(const SyscallRule& clone) {
  constexpr std::uint64_t kNew = CLONE_NEWNS | CLONE_NEWUSER;
  const auto has_none = [](const auto& checks) {
    return std::ranges::any_of(checks, [](const ArgumentCheck& check) {
      return check.index == 0 && (check.mask & kNew) == kNew && (check.value & kNew) == 0;
    });
  };
  return clone.action == SyscallAction::allow && clone.otherwise == SyscallAction::refuse &&
         !clone.when.empty() && std::ranges::all_of(clone.when, has_none);
}

}  // namespace

bool has_one_root(const FilterPlan& filter) {
  return std::ranges::all_of(filter.rules, [](const SyscallRule& rule) {
    if (!rule.reachable()) return true;
    if (rule.name == "clone") return keeps_namespaces(rule);
    for (const std::string_view changes : {"chroot", "pivot_root", "setns", "unshare", "clone3"})
      if (rule.name == changes) return false;
    return true;
  });
}

}  // namespace yett
