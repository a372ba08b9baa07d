#include "sandbox/policy/policy.hpp"

#include <algorithm>
#include <utility>

namespace yett {

EndpointList::EndpointList(Rules rules) {
  if (!rules.empty()) rules_ = std::make_shared<const Rules>(std::move(rules));
}

EndpointList::EndpointList(std::initializer_list<EndpointRule> rules)
    : EndpointList(Rules(rules)) {}

const EndpointList::Rules& EndpointList::rules() const {
  static const Rules kNone;
  return rules_ ? *rules_ : kNone;
}

void EndpointList::add(EndpointRule rule) {
  Rules more = rules();
  more.push_back(std::move(rule));
  *this = std::move(more);
}

SyscallRule* SyscallPolicy::find(std::uint32_t number) {
  const auto found = std::ranges::lower_bound(rules, number, {}, &SyscallRule::number);
  return found != rules.end() && found->number == number ? &*found : nullptr;
}

}  // namespace yett
