// Plans of somebody to whom no namespace is given.
#include <gtest/gtest.h>
#include <linux/prctl.h>
#include <sys/resource.h>

#include <algorithm>

#include "tests/unit/plan_case.hpp"

namespace yett {
namespace {

using Case = test::PlanCase;

Case fallback_case(std::string policy = {}) {
  Case test{.policy = std::move(policy)};
  test.features.is_root = false;
  test.features.cgroup = {};
  test.features.cgroup_bpf = {};
  test.features.idmapped_mounts = {};
  test.features.memfd_noexec_sysctl = {};
  test.caller = 1234;
  return test;
}

const SyscallRule& rule_of(const SandboxPlan& plan, std::string_view name) {
  return *std::ranges::find(plan.filter.rules, name, &SyscallRule::name);
}

std::uint64_t rights_at(const SandboxPlan& plan, std::string_view path) {
  const auto rule = std::ranges::find(plan.landlock.paths, path, &LandlockPathRule::path);
  return rule == plan.landlock.paths.end() ? 0 : rule->access;
}

TEST(PlanFallback, IsTheCallerWithoutMountsAndNamespaces) {
  const SandboxPlan plan = fallback_case().made();
  EXPECT_EQ(plan.mode, Mode::fallback);
  EXPECT_EQ(plan.identity.host_uid, 1234U);
  EXPECT_TRUE(plan.mounts.empty());
  EXPECT_FALSE(plan.cgroup.wanted);
  EXPECT_TRUE(plan.namespaces.sysctls.empty());
  EXPECT_EQ(plan.backends, (std::vector<std::string>{"filter", "supervisor", "landlock-6"}));
  EXPECT_FALSE(plan.reduced.empty());
  EXPECT_EQ(plan.process.working_directory, "/w/yett-1/home");
}

TEST(PlanFallback, LandlockHoldsFilesSignalsAndPorts) {
  const SandboxPlan plan = fallback_case().made();
  EXPECT_EQ(plan.landlock.scoped, 3U);
  EXPECT_EQ(plan.landlock.handled_net, 3U);
  EXPECT_EQ(plan.landlock.handled_fs & 0x7FFF, 0x7FFFU);
  EXPECT_EQ(rights_at(plan, "/usr"), 0xDU);                   // execute, read file, read directory
  EXPECT_EQ(rights_at(plan, "/w/yett-1") & 0x7FFF, 0x7FFEU);  // all but execute
  EXPECT_EQ(rights_at(plan, "/"), 0U);
  EXPECT_EQ(rights_at(plan, "/proc"), 0U);
  EXPECT_EQ(rights_at(plan, "/home"), 0U);
}

TEST(PlanFallback, TheFilterTakesWhatOnlyNamespacesBounded) {
  const SandboxPlan plan = fallback_case().made();
  for (const char* name : {"socket", "connect", "chown", "setxattr", "inotify_add_watch", "bind"})
    EXPECT_FALSE(rule_of(plan, name).reachable()) << name;
  for (const char* name : {"clone", "fork", "vfork", "chmod", "utimensat"})
    EXPECT_EQ(rule_of(plan, name).action, SyscallAction::notify) << name;
  EXPECT_TRUE(plan.filter.counts_tasks);
  EXPECT_FALSE(rule_of(plan, "memfd_create").reachable());
  EXPECT_EQ(rule_of(plan, "kill").action, SyscallAction::allow);  // Landlock's to hold
}

TEST(PlanFallback, ListeningIsTheSupervisorsWhereItReachesTheSocket) {
  Case test = fallback_case(test::kListen);
  const auto says_so = [](const SandboxPlan& plan) {
    return std::ranges::any_of(plan.reduced, [](const std::string& each) {
      return each.find("gets any port") != std::string::npos;
    });
  };
  const SandboxPlan inside_a_container = test.made();
  EXPECT_EQ(rule_of(inside_a_container, "listen").action, SyscallAction::allow);
  EXPECT_TRUE(says_so(inside_a_container));
  test.copies_descriptors = true;
  const SandboxPlan plan = test.made();
  EXPECT_EQ(rule_of(plan, "listen").action, SyscallAction::notify);
  EXPECT_TRUE(plan.broker.listens);
  EXPECT_FALSE(says_so(plan));
  test.policy = "[network]\nmode='host'";
  EXPECT_FALSE(rule_of(test.made(), "listen").reachable());
}

TEST(PlanFallback, ProcessesAreCountedByTheSupervisor) {
  const SandboxPlan plan = fallback_case("[limits]\nmemory='64M'\npids=9\ncpu=0.5").made();
  EXPECT_EQ(plan.meter.cpus, 0.5);
  EXPECT_EQ(plan.meter.memory_bytes, 64ULL << 20);
  EXPECT_EQ(plan.meter.tasks, 9U);
  EXPECT_EQ(std::ranges::find(plan.rlimits, RLIMIT_NPROC, &RlimitEntry::resource),
            plan.rlimits.end());
}

// SECURITY(disk-hidden): who hides what it holds open is not counted.
TEST(PlanFallback, TheDiskIsCountedByTheSupervisor) {
  const auto file_size = [](const SandboxPlan& plan) {
    const auto found = std::ranges::find(plan.rlimits, RLIMIT_FSIZE, &RlimitEntry::resource);
    return found == plan.rlimits.end() ? 0 : found->hard;
  };
  const SandboxPlan plan = fallback_case("[limits]\ndisk='64M'").made();
  EXPECT_EQ(plan.meter.disk_bytes, 64ULL << 20);
  EXPECT_EQ(file_size(plan), 64ULL << 20);
  const auto hides = [](const SandboxPlan& made) {
    const SyscallRule& prctl = rule_of(made, "prctl");
    return std::ranges::any_of(prctl.when, [](const ArgumentChecks& checks) {
      return checks[0].value == PR_SET_DUMPABLE && checks.size() == 1;
    });
  };
  EXPECT_FALSE(hides(plan));
  for (const char* name : {"sendmsg", "sendmmsg"})
    EXPECT_FALSE(rule_of(plan, name).reachable()) << name;
  EXPECT_EQ(rule_of(plan, "fallocate").otherwise, SyscallAction::refuse);
  EXPECT_TRUE(std::ranges::any_of(plan.reduced, [](const std::string& each) {
    return each.starts_with("limits.disk: held by the supervisor's meter: it looks every 0.2 to ");
  }));
  const SandboxPlan unlimited = fallback_case().made();
  EXPECT_TRUE(hides(unlimited));
  for (const char* name : {"sendmsg", "sendmmsg", "fallocate"})
    EXPECT_TRUE(rule_of(unlimited, name).reachable() && rule_of(unlimited, name).when.empty());
  EXPECT_FALSE(unlimited.meter.disk_bytes);
  const std::string too_small = fallback_case("[limits]\ndisk='15M'").error();
  EXPECT_NE(too_small.find("limits.disk"), std::string::npos) << too_small;
  // A volume has a limit of its own, or none.
  EXPECT_EQ(file_size(fallback_case("[limits]\ndisk='64M'\n[files]\nwrite=['/srv']").made()), 0U);
}

TEST(PlanFallback, WithoutLandlockOrWithAnOldOneThereIsNone) {
  Case test = fallback_case();
  for (const int abi : {0, 1, 5}) {
    test.features.landlock_abi = abi;
    EXPECT_TRUE(test.error().starts_with("mode fallback: ")) << test.error();
    EXPECT_NE(test.error().find("Landlock"), std::string::npos) << test.error();
  }
  test.features.landlock_abi = 6;
  EXPECT_EQ(test.made().mode, Mode::fallback);
}

TEST(PlanFallback, RootIsNobodysUser) {
  Case test = fallback_case();
  test.caller = 0;
  EXPECT_NE(test.error().find("as an ordinary user"), std::string::npos) << test.error();
}

// SECURITY(fallback-work-directories)
TEST(PlanFallback, PlacesOfOtherSandboxesAreNotShown) {
  Case test = fallback_case();
  test.request.volumes = {{.source = "/w", .target = "/w"}};
  EXPECT_NE(test.error().find("set TMPDIR"), std::string::npos) << test.error();
  test.request.volumes = {{.source = "/w2", .target = "/w2"}};
  EXPECT_NE(rights_at(test.made(), "/w2"), 0U);
}

TEST(PlanFallback, WithAnOverlayNamesAreTheSupervisorsToLookAt) {
  Case test = fallback_case();
  test.request.overlay_dir = "/kept";
  test.request.volumes = {{.source = "/p", .target = "/p", .read_only = true}};
  const SandboxPlan plan = test.made();
  for (const char* name : {"openat", "rename", "unlink", "mkdir", "getcwd", "readlink", "chmod"})
    EXPECT_EQ(rule_of(plan, name).action, SyscallAction::notify) << name;
  for (const char* name : {"newfstatat", "execve", "chdir"}) {
    EXPECT_EQ(rule_of(plan, name).otherwise, SyscallAction::notify) << name;
    EXPECT_FALSE(rule_of(plan, name).when.empty()) << name;
  }
  EXPECT_EQ(plan.redirect.written, (std::vector<std::string>{"/w/yett-1"}));
  EXPECT_NE(std::ranges::find(plan.redirect.shown, "/p"), plan.redirect.shown.end());
  EXPECT_EQ(rights_at(plan, "/kept"), 0U);
  EXPECT_EQ(rights_at(plan, "/kept/changes") & ~rights_at(plan, "/p"), 0U);  // it is only read
  EXPECT_EQ(std::ranges::find(plan.redirect.shown, "/kept/changes"), plan.redirect.shown.end());
  EXPECT_EQ(rule_of(fallback_case().made(), "openat").action, SyscallAction::allow);
}

// SECURITY(redirect-beneath)
TEST(PlanFallback, AnOverlayLiesInNothingThatIsShown) {
  Case test = fallback_case();
  for (const char* directory : {"/usr/share/kept", "/", "/w/yett-1/kept"}) {
    test.request.overlay_dir = directory;
    EXPECT_NE(test.error().find("it lies in what the sandbox is shown"), std::string::npos)
        << test.error();
  }
}

TEST(PlanFallback, TheHostsNetworkIsTcpByPort) {
  const SandboxPlan plan = fallback_case("[network]\nmode='host'\nconnect=['tcp://*:80']").made();
  EXPECT_EQ(plan.landlock.connect_ports, (std::vector<std::uint16_t>{80}));
  EXPECT_TRUE(rule_of(plan, "socket").reachable());
  EXPECT_FALSE(rule_of(plan, "listen").reachable());  // no port to listen at
  EXPECT_FALSE(rule_of(plan, "sendto").when.empty());
}

}  // namespace
}  // namespace yett
