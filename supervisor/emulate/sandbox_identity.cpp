#include "supervisor/emulate/sandbox_identity.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace yett {
namespace {

bool set_uids(uid_t real, uid_t effective, uid_t saved) {
  return ::syscall(SYS_setresuid, real, effective, saved) == 0;
}

bool set_gids(gid_t real, gid_t effective, gid_t saved) {
  return ::syscall(SYS_setresgid, real, effective, saved) == 0;
}

}  // namespace

Result<SandboxIdentity> SandboxIdentity::adopt(uid_t uid, gid_t gid) {
  SandboxIdentity identity;
  uid_t effective_uid = 0;
  ::getresuid(&identity.real_uid_, &effective_uid, &identity.saved_uid_);
  ::getresgid(&identity.real_gid_, &identity.effective_gid_, &identity.saved_gid_);
  if (effective_uid != 0 || uid == 0) return identity;
  // The groups first: after the uid change, there is no capability left to do it.
  if (!set_gids(gid, gid, 0)) return fail(errno_error("adopt sandbox gid", std::to_string(gid)));
  identity.adopted_ = true;
  if (!set_uids(uid, uid, 0)) return fail(errno_error("adopt sandbox uid", std::to_string(uid)));
  return identity;
}

SandboxIdentity::SandboxIdentity(SandboxIdentity&& other) noexcept
    : adopted_(other.adopted_),
      real_uid_(other.real_uid_),
      saved_uid_(other.saved_uid_),
      real_gid_(other.real_gid_),
      effective_gid_(other.effective_gid_),
      saved_gid_(other.saved_gid_) {
  other.adopted_ = false;
}

SandboxIdentity::~SandboxIdentity() { give_back(); }

// The effective uid first: with it, the kernel gives the permitted capabilities back.
void SandboxIdentity::give_back() {
  if (!adopted_) return;
  adopted_ = false;
  constexpr auto kUnchanged = static_cast<uid_t>(-1);
  const bool returned = set_uids(kUnchanged, 0, kUnchanged) && set_uids(real_uid_, 0, saved_uid_) &&
                        set_gids(real_gid_, effective_gid_, saved_gid_);
  if (!returned) std::abort();
}

}  // namespace yett
