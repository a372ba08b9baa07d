// The sandbox's rights over files, kept from one open to the next while opens follow each other.
#pragma once

#include <optional>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/emulate/target_credentials.hpp"

namespace yett {

// Of one thread: taken, and given back or destroyed, by the same. Nothing else may run meanwhile
// that needs a right of our own: it is fewer rights, never more, that last too long.
class LastingRights {
 public:
  // False: nothing may be opened.
  [[nodiscard]] bool take(const IdentityPlan& user);
  void give_back() { taken_.reset(); }

 private:
  std::optional<TargetCredentials> taken_;
};

}  // namespace yett
