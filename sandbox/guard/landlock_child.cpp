#include "sandbox/guard/landlock_child.hpp"

#include <fcntl.h>

#include "ioctl_uapi/landlock.hpp"

namespace yett {
namespace {

// Rights that only directories can have: adding them for a file is EINVAL.
constexpr std::uint64_t kFileRights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                      LANDLOCK_ACCESS_FS_READ_FILE | kLandlockFsTruncate |
                                      kLandlockFsIoctlDev;

ChildResult add_beneath(int ruleset, int path, std::uint64_t access) {
  struct landlock_path_beneath_attr attributes{};
  attributes.allowed_access = access;
  attributes.parent_fd = path;
  return from_libc(sys_landlock_add_rule(ruleset, LANDLOCK_RULE_PATH_BENEATH, &attributes));
}

ChildResult add_path(int ruleset, const LandlockPathRule& rule) {
  const int path = ::open(rule.path.c_str(), O_PATH | O_CLOEXEC);
  if (path < 0) return errno == ENOENT ? kDone : errno;  // nothing there: nothing to allow
  ChildResult result = add_beneath(ruleset, path, rule.access);
  if (result == EINVAL && (rule.access & ~kFileRights) != 0)  // it is a file
    result = add_beneath(ruleset, path, rule.access & kFileRights);
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

ChildResult add_all_ports(int ruleset, const LandlockPlan& plan) {
  if ((plan.handled_net & kLandlockNetBindTcp) != 0)
    YETT_STEP(add_ports(ruleset, plan.bind_ports, kLandlockNetBindTcp));
  if ((plan.handled_net & kLandlockNetConnectTcp) != 0)
    YETT_STEP(add_ports(ruleset, plan.connect_ports, kLandlockNetConnectTcp));
  return kDone;
}

}  // namespace

int open_landlock_ruleset(const LandlockPlan& plan) {
  const LandlockRulesetAttributes attributes{.handled_access_fs = plan.handled_fs,
                                             .handled_access_net = plan.handled_net,
                                             .scoped = plan.scoped};
  const auto ruleset = static_cast<int>(
      sys_landlock_create_ruleset(&attributes, landlock_attributes_size(plan.abi), 0));
  return ruleset < 0 ? -errno : ruleset;
}

// The ports are one more, behind the paths.
ChildResult add_landlock_rules(const LandlockPlan& plan, int ruleset,
                               std::atomic<std::uint32_t>& next) {
  for (std::size_t at = next++; at <= plan.paths.size(); at = next++)
    YETT_STEP(at < plan.paths.size() ? add_path(ruleset, plan.paths[at])
                                     : add_all_ports(ruleset, plan));
  return kDone;
}

ChildResult make_landlock_ruleset(const LandlockPlan& plan, int& ruleset) {
  if (!plan.applied) return kDone;
  ruleset = open_landlock_ruleset(plan);
  if (ruleset < 0) return from_kernel(ruleset);
  std::atomic<std::uint32_t> next{0};
  return add_landlock_rules(plan, ruleset, next);
}

ChildResult restrict_with_landlock(const LandlockPlan& plan, int ruleset) {
  if (!plan.applied) return kDone;
  if (ruleset < 0) YETT_STEP(make_landlock_ruleset(plan, ruleset));
  const ChildResult result = from_libc(sys_landlock_restrict_self(ruleset));
  ::close(ruleset);
  return result;
}

}  // namespace yett
