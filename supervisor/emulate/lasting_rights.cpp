#include "supervisor/emulate/lasting_rights.hpp"

namespace yett {

bool LastingRights::take(const IdentityPlan& user) {
  if (!taken_) taken_.emplace(user.host_uid, user.host_gid);
  if (taken_->taken()) return true;
  give_back();
  return false;
}

}  // namespace yett
