#include "supervisor/emulate/target_credentials.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "supervisor/emulate/own_capabilities.hpp"

namespace yett {
namespace {

// By the calls themselves: the C library's wrappers would change every thread.
uid_t set_file_uid(uid_t uid) { return static_cast<uid_t>(::syscall(SYS_setfsuid, uid)); }
gid_t set_file_gid(gid_t gid) { return static_cast<gid_t>(::syscall(SYS_setfsgid, gid)); }
constexpr auto kAsk = static_cast<uid_t>(-1);

bool set_groups(const std::vector<gid_t>& groups) {
  return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

std::vector<gid_t> own_groups() {
  const int count = ::getgroups(0, nullptr);
  std::vector<gid_t> groups(count > 0 ? static_cast<std::size_t>(count) : 0);
  if (count > 0 && ::getgroups(count, groups.data()) != count) groups.clear();
  return groups;
}

}  // namespace

TargetCredentials::TargetCredentials(uid_t uid, gid_t gid) {
  if (::geteuid() != 0 || uid == 0) {
    taken_ = true;
    return;
  }
  const auto effective = effective_capabilities();
  if (!effective) return;
  effective_ = *effective;
  groups_ = own_groups();
  changed_ = true;
  before_gid_ = set_file_gid(gid);
  before_uid_ = set_file_uid(uid);
  taken_ = set_groups({}) && set_file_uid(kAsk) == uid && set_file_gid(kAsk) == gid &&
           set_effective_capabilities(0);
}

TargetCredentials::~TargetCredentials() {
  if (!changed_) return;
  set_file_uid(before_uid_);
  set_file_gid(before_gid_);
  if (!set_effective_capabilities(effective_) || !set_groups(groups_) ||
      set_file_uid(kAsk) != before_uid_ || set_file_gid(kAsk) != before_gid_)
    std::abort();
}

}  // namespace yett
