#include "supervisor/emulate/sandbox_identity.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "supervisor/emulate/own_capabilities.hpp"

namespace yett {
namespace {

constexpr auto kUnchanged = static_cast<uid_t>(-1);
constexpr std::uint64_t kReachOfOthers = (1ULL << CAP_SYS_PTRACE) | (1ULL << CAP_SYS_RESOURCE);

bool set_real_ids(uid_t uid, gid_t gid) {
  return ::syscall(SYS_setresgid, gid, kUnchanged, kUnchanged) == 0 &&
         ::syscall(SYS_setresuid, uid, kUnchanged, kUnchanged) == 0;
}

}  // namespace

Result<SandboxIdentity> SandboxIdentity::adopt(uid_t uid, gid_t gid) {
  SandboxIdentity identity;
  if (::geteuid() != 0 || uid == 0) return identity;
  const auto effective = effective_capabilities();
  if (!effective) return fail(errno_error("read own capabilities"));
  identity.real_uid_ = ::getuid();
  identity.real_gid_ = ::getgid();
  identity.effective_capabilities_ = *effective;
  identity.adopted_ = true;  // from here on, the destructor undoes
  if (!set_real_ids(uid, gid)) return fail(errno_error("adopt sandbox ids", std::to_string(uid)));
  if (!set_effective_capabilities(identity.effective_capabilities_ & ~kReachOfOthers))
    return fail(errno_error("lower own capabilities"));
  return identity;
}

SandboxIdentity::SandboxIdentity(SandboxIdentity&& other) noexcept
    : adopted_(std::exchange(other.adopted_, false)),
      real_uid_(other.real_uid_),
      real_gid_(other.real_gid_),
      effective_capabilities_(other.effective_capabilities_) {}

SandboxIdentity::~SandboxIdentity() {
  if (!adopted_) return;
  if (!set_effective_capabilities(effective_capabilities_) || !set_real_ids(real_uid_, real_gid_))
    std::abort();
}

}  // namespace yett
