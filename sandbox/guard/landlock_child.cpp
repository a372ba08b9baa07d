#include "sandbox/guard/landlock_child.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "ioctl_uapi/landlock.hpp"

namespace yett {
namespace {

// Rights that only directories can have: adding them for a file is EINVAL.
constexpr std::uint64_t kFileRights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                      LANDLOCK_ACCESS_FS_READ_FILE | kLandlockFsTruncate |
                                      kLandlockFsIoctlDev;

ChildResult add_path(int ruleset, const LandlockPathRule& rule) {
  const int path = ::open(rule.path.c_str(), O_PATH | O_CLOEXEC);
  if (path < 0) return errno == ENOENT ? kDone : errno;  // nothing there: nothing to allow
  struct stat status{};
  const bool directory = ::fstat(path, &status) == 0 && S_ISDIR(status.st_mode);
  struct landlock_path_beneath_attr attributes{};
  attributes.allowed_access = directory ? rule.access : rule.access & kFileRights;
  attributes.parent_fd = path;
  const ChildResult result =
      from_libc(sys_landlock_add_rule(ruleset, LANDLOCK_RULE_PATH_BENEATH, &attributes));
  ::close(path);
  return result;
}

ChildResult add_ports(int ruleset, const std::vector<std::uint16_t>& ports, std::uint64_t access) {
  for (const std::uint16_t port : ports) {
    const LandlockNetPortAttributes attributes{.allowed_access = access, .port = port};
    YETT_STEP(from_libc(sys_landlock_add_rule(ruleset, kLandlockRuleNetPort, &attributes)));
  }
  return kDone;
}

ChildResult add_rules(int ruleset, const LandlockPlan& plan) {
  for (const LandlockPathRule& rule : plan.paths) YETT_STEP(add_path(ruleset, rule));
  if ((plan.handled_net & kLandlockNetBindTcp) != 0)
    YETT_STEP(add_ports(ruleset, plan.bind_ports, kLandlockNetBindTcp));
  if ((plan.handled_net & kLandlockNetConnectTcp) != 0)
    YETT_STEP(add_ports(ruleset, plan.connect_ports, kLandlockNetConnectTcp));
  return kDone;
}

}  // namespace

ChildResult restrict_with_landlock(const LandlockPlan& plan) {
  if (!plan.applied) return kDone;
  const LandlockRulesetAttributes attributes{.handled_access_fs = plan.handled_fs,
                                             .handled_access_net = plan.handled_net,
                                             .scoped = plan.scoped};
  const auto ruleset = static_cast<int>(
      sys_landlock_create_ruleset(&attributes, landlock_attributes_size(plan.abi), 0));
  if (ruleset < 0) return errno;
  ChildResult result = add_rules(ruleset, plan);
  if (result == kDone) result = from_libc(sys_landlock_restrict_self(ruleset));
  ::close(ruleset);
  return result;
}

}  // namespace yett
