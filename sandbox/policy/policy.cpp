#include "sandbox/policy/policy.hpp"

#include <algorithm>

namespace yett {

SyscallRule* SyscallPolicy::find(std::uint32_t number) {
  const auto found = std::ranges::lower_bound(rules, number, {}, &SyscallRule::number);
  return found != rules.end() && found->number == number ? &*found : nullptr;
}

}  // namespace yett
