// request + policy + host -> plan, as tables: each thing planned beside the nearest one refused.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

#include "sandbox/plan/plan_json.hpp"
#include "sandbox/plan/planner.hpp"
#include "sandbox/plan/syscall_rows.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/set_id_checks.hpp"
#include "tests/unit/plan_case.hpp"

namespace yett {
namespace {

using Case = test::PlanCase;
using test::kListen;
using test::mount_at;
using test::rule_named;

Case image_case(std::string policy = "") {
  Case test{.policy = std::move(policy)};
  test.request.image_kind = ImageKind::squashfs;
  test.request.image_path = "/x.sqfs";
  return test;
}

Case volume_case(std::vector<VolumeRequest> volumes, std::string policy = "") {
  Case test{.policy = std::move(policy)};
  test.request.volumes = std::move(volumes);
  return test;
}

// ---- write xor execute --------------------------------------------------------------------------

void expect_write_xor_execute(const SandboxPlan& plan) {
  for (const MountEntry& entry : plan.mounts)
    EXPECT_FALSE(entry.writable == Writable::yes && entry.executable == Executable::yes)
        << entry.target;
}

TEST(PlanMounts, NothingIsWritableAndExecutable) {
  expect_write_xor_execute(Case{}.made());
  expect_write_xor_execute(image_case().made());
  expect_write_xor_execute(image_case("[files]\nwrite=['/data']").made());
  expect_write_xor_execute(volume_case({{"/srv/a", "/a", false}, {"/srv/b", "/b", true}}).made());
  Case rocker = image_case();
  rocker.request.overlay_host_dirs = {"/usr", "/etc", "/var"};
  rocker.request.exec_dir = "/app";
  expect_write_xor_execute(rocker.made());
}

TEST(PlanMounts, WrittenFilesMayBeExecutedWhenGranted) {
  const SandboxPlan plan = Case{.policy = "[exec]\nwritten_files = true"}.made();
  EXPECT_EQ(plan.mounts.front().executable, Executable::yes);
  EXPECT_EQ(Case{}.made().mounts.front().executable, Executable::no);
}

TEST(PlanMounts, WritableRootNeedsAPlaneThatHoldsTheRule) {
  Case test = image_case();
  EXPECT_EQ(test.made().mounts.front().writable, Writable::no);
  test.request.overlay_dir = "/keep";
  EXPECT_EQ(test.error(),
            "--overlay /keep: a writable root holds the programs too, so no mount can keep written "
            "files from being executed (grant [exec] written_files = true, or use a host whose BPF "
            "LSM can hold the rule)");
  test.features.bpf_lsm.usable = true;
  EXPECT_EQ(test.made().mounts.front().writable, Writable::yes);
  EXPECT_TRUE(test.made().lsm.deny_exec_of_written);
  test.features.bpf_lsm.usable = false;
  test.policy = "[exec]\nwritten_files = true";
  EXPECT_EQ(test.made().mounts.front().writable, Writable::yes);
}

TEST(PlanMounts, WriteRuleOfTheRootNamesItsLine) {
  EXPECT_TRUE(image_case("[files]\nwrite=['/']").error().starts_with("p.toml:2:8: files.write"));
}

// SECURITY(write-execute-alias)
TEST(PlanMounts, SameFilesWritableAndExecutableElsewhere) {
  EXPECT_EQ(volume_case({{"/usr/local", "/mnt", false}}).error(),
            "-v /usr/local:/mnt: its files can also be executed as /usr/local (add :ro, or grant "
            "[exec] written_files = true)");
  EXPECT_EQ(volume_case({{"/usr/local", "/mnt", true}}).error(), "no error");
  EXPECT_EQ(volume_case({{"/usr/local", "/usr/local", false}}).error(), "no error");
  const SandboxPlan plan = volume_case({{"/srv", "/rw", false}, {"/srv/bin", "/ro", true}}).made();
  EXPECT_EQ(mount_at(plan, "/ro")->executable, Executable::no);
  const SandboxPlan apart = volume_case({{"/srv", "/rw", false}, {"/srv2", "/ro", true}}).made();
  EXPECT_EQ(mount_at(apart, "/ro")->executable, Executable::yes);
}

// ---- files --------------------------------------------------------------------------------------

TEST(PlanMounts, HostImageShowsProgramsAndNothingElse) {
  const SandboxPlan plan = Case{}.made();
  EXPECT_EQ(mount_at(plan, "/usr")->executable, Executable::yes);
  EXPECT_EQ(mount_at(plan, "/usr")->writable, Writable::no);
  EXPECT_EQ(mount_at(plan, "/bin")->source, "usr/bin");
  for (const char* absent : {"/etc", "/home", "/opt", "/root", "/sys"})
    EXPECT_EQ(mount_at(plan, absent), nullptr) << absent;
  EXPECT_EQ(mount_at(plan, "/proc")->writable, Writable::no);
}

TEST(PlanMounts, RulesBecomeBindsAndMasks) {
  const SandboxPlan plan =
      Case{.policy =
               "[files]\nread=['/srv']\nwrite=['/data']\ndeny=['/usr/bin/ssh']\n"
               "tmpfs={'/scratch'='1M'}"}
          .made();
  EXPECT_EQ(mount_at(plan, "/srv")->writable, Writable::no);
  EXPECT_EQ(mount_at(plan, "/data")->writable, Writable::yes);
  EXPECT_EQ(mount_at(plan, "/data")->executable, Executable::no);
  EXPECT_EQ(mount_at(plan, "/scratch")->size_bytes, 1U << 20);
  EXPECT_EQ(plan.mounts.back().kind, MountKind::mask);
  EXPECT_EQ(plan.mounts.back().target, "/usr/bin/ssh");
}

TEST(PlanMounts, ParentsComeBeforeTheirChildren) {
  const SandboxPlan plan =
      volume_case({{"/srv/b", "/data/b", false}, {"/srv/a", "/data", false}}).made();
  EXPECT_LT(mount_at(plan, "/data"), mount_at(plan, "/data/b"));
}

TEST(PlanMounts, ImpossiblePlacesAreNamed) {
  const auto target = [](const char* path) { return volume_case({{"/srv", path, true}}).error(); };
  EXPECT_EQ(target("/"), "-v /srv:/: the root is the image's (choose another place)");
  EXPECT_EQ(target("/proc/x"),
            "-v /srv:/proc/x: /proc is the sandbox's own (choose another place)");
  EXPECT_EQ(target("/a/../b"), "-v /srv:/a/../b: the path holds '..'");
  EXPECT_EQ(target("/procession"), "no error");
  EXPECT_EQ(volume_case({{"/a", "/x", true}, {"/b", "/x/", true}}).error(),
            "-v /b:/x/: the same place is asked for by -v /a:/x (keep one)");
}

// SECURITY(exec-list)
TEST(PlanMounts, ExecListLeavesLibrariesAndClosesTheRest) {
  const SandboxPlan plan = Case{.policy = "[files]\nexec=['/usr/bin/python3']"}.made();
  EXPECT_EQ(mount_at(plan, "/usr")->executable, Executable::no);
  EXPECT_EQ(mount_at(plan, "/usr/bin/python3")->executable, Executable::yes);
  EXPECT_EQ(mount_at(plan, "/usr/lib")->executable, Executable::yes);
  EXPECT_EQ(plan.landlock.handled_fs, 1U);
  EXPECT_EQ(plan.landlock.paths.at(0).path, "/usr/bin/python3");
}

TEST(PlanMounts, ExecListNeedsLandlock) {
  Case test{.policy = "[files]\nexec=['/usr/bin/python3']"};
  test.features.landlock_abi = 0;
  EXPECT_TRUE(test.error().starts_with("p.toml:2:7: files.exec: programs among the libraries"));
  test.policy = "";
  EXPECT_EQ(test.error(), "no error");
}

TEST(PlanMounts, RockersFormKeepsTheHostsTopDirectories) {
  Case test = image_case();
  test.request.overlay_host_dirs = {"/usr", "/etc"};
  EXPECT_NE(test.error().find("--exec-dir"), std::string::npos);
  test.request.exec_dir = "/app";
  const SandboxPlan plan = test.made();
  EXPECT_EQ(mount_at(plan, "/usr")->kind, MountKind::overlay);
  EXPECT_EQ(mount_at(plan, "/usr")->writable, Writable::no);
  EXPECT_EQ(mount_at(plan, "/etc")->writable, Writable::yes);
  EXPECT_EQ(mount_at(plan, "/etc/passwd"), nullptr);
  EXPECT_EQ(mount_at(plan, "/app")->kind, MountKind::package);
}

// ---- the other planes ---------------------------------------------------------------------------

TEST(PlanFilter, ExecutableMemfdsByTheCheapestPlane) {
  Case test;
  EXPECT_EQ(test.made().namespaces.sysctls.at(0).value, "1");
  test.features.memfd_noexec_sysctl.usable = false;
  EXPECT_FALSE(rule_named(test.made(), "memfd_create")->reachable());
  test.features.bpf_lsm.usable = true;
  EXPECT_TRUE(rule_named(test.made(), "memfd_create")->reachable());
  const SandboxPlan granted = Case{.policy = "[exec]\nmemfd = true"}.made();
  EXPECT_TRUE(granted.namespaces.sysctls.empty());
  EXPECT_NE(rule_named(granted, "memfd_create")->when.data(),
            rule_named(Case{}.made(), "memfd_create")->when.data());
}

// SECURITY(mounts-and-landlock)
TEST(PlanLandlock, NoBindsBesideFileRules) {
  const std::string emulate = "[syscalls]\nemulate = ['mount']\n";
  EXPECT_EQ(Case{.policy = emulate + "[files]\nexec = ['/usr/bin/env']"}.error(),
            "p.toml:2:12: syscalls.emulate mount: files.exec and hardening = \"stacked\" do not "
            "hold where the program can bind files to other places (leave out the one or the "
            "other)");
  EXPECT_NE(Case{.policy = "hardening = 'stacked'\n" + emulate}.error(), "no error");
  EXPECT_EQ(Case{.policy = emulate}.error(), "no error");
  EXPECT_EQ(Case{.policy = "hardening = 'stacked'\n[syscalls]\nemulate = ['mknod']"}.error(),
            "no error");
}

// What open leaves in the mode's register counts only where it makes a file.
TEST(PlanFilter, OpensAskForSetIdsOnlyWhereTheyMakeAFile) {
  EXPECT_FALSE(asks_for_set_id("open", {0, O_RDWR, 04755}));
  EXPECT_FALSE(asks_for_set_id("openat", {0, 0, O_RDONLY | O_DIRECTORY, 04755}));
  EXPECT_FALSE(asks_for_set_id("openat", {0, 0, O_CREAT, 0755}));
  EXPECT_TRUE(asks_for_set_id("open", {0, O_RDWR | O_CREAT, 04755}));
  EXPECT_TRUE(asks_for_set_id("openat", {0, 0, O_CREAT, 02755}));
  EXPECT_TRUE(asks_for_set_id("openat", {0, 0, O_TMPFILE | O_RDWR, 02755}));
  EXPECT_TRUE(asks_for_set_id("creat", {0, 04755}));
}

// SECURITY(set-ids)
TEST(PlanFilter, SetIdBitsOnlyWhereNothingOfTheHostIsWritten) {
  const auto refused = [](const SandboxPlan& plan) {
    const SyscallRule* chmod = rule_named(plan, "chmod");
    EXPECT_EQ(plan.filter.no_set_ids, !chmod->when.empty());
    EXPECT_EQ(plan.filter.no_set_ids, !rule_named(plan, "openat2")->reachable());
    EXPECT_EQ(plan.filter.no_set_ids, plan.lsm.deny_set_ids);
    return plan.filter.no_set_ids;
  };
  EXPECT_FALSE(refused(Case{}.made()));
  EXPECT_FALSE(refused(image_case().made()));
  EXPECT_FALSE(refused(image_case("[files]\nwrite = ['/srv']").made()));
  EXPECT_TRUE(refused(Case{.policy = "[files]\nwrite = ['/srv']"}.made()));
  VolumeRequest volume{.source = "/srv", .target = "/data"};
  EXPECT_TRUE(refused(volume_case({volume}).made()));
  EXPECT_FALSE(refused(volume_case({volume}, "[files]\nset_ids = true").made()));
  volume.read_only = true;
  EXPECT_FALSE(refused(volume_case({volume}).made()));
  Case kept = image_case();
  kept.request.overlay_dir = "/kept";
  kept.features.bpf_lsm.usable = true;
  EXPECT_TRUE(refused(kept.made()));
}

TEST(PlanFilter, SetIdBitsLeaveEmulationsAndRefusalsAsTheyAre) {
  const SandboxPlan plan =
      volume_case({{.source = "/srv", .target = "/data"}},
                  "[syscalls]\nemulate = ['mknod']\ndeny = ['chmod']\nlog = ['open']")
          .made();
  EXPECT_EQ(rule_named(plan, "mknod")->otherwise, SyscallAction::notify);
  EXPECT_EQ(rule_named(plan, "mknodat")->otherwise, SyscallAction::refuse);
  EXPECT_FALSE(rule_named(plan, "chmod")->reachable());
  EXPECT_EQ(rule_named(plan, "open")->action, SyscallAction::log);
  EXPECT_EQ(rule_named(plan, "open")->otherwise, SyscallAction::refuse);
}

TEST(PlanLimits, ACgroupOnlyWhereOneIsNeeded) {
  EXPECT_FALSE(Case{}.made().cgroup.wanted);
  const SandboxPlan pids = Case{.policy = "[limits]\npids = 9"}.made();
  EXPECT_EQ(pids.cgroup.pids, 9U);
  EXPECT_TRUE(std::ranges::any_of(pids.rlimits, [](const RlimitEntry& limit) {
    return limit.resource == RLIMIT_NPROC && limit.hard == 9;
  }));
  Case memory{.policy = "[limits]\nmemory = '64M'"};
  EXPECT_EQ(memory.made().cgroup.memory_bytes, 64U << 20);
  memory.features.cgroup.v1_mounts.erase("memory");
  EXPECT_EQ(memory.error(),
            "p.toml:2:10: limits.memory: this host has no 'memory' cgroup controller (mount it, or "
            "leave the limit out)");
}

TEST(PlanLandlock, ScopesAlwaysFileRightsOnlyWhenNeeded) {
  const SandboxPlan normal = Case{}.made();
  EXPECT_TRUE(normal.landlock.applied);
  EXPECT_EQ(normal.landlock.scoped, 3U);
  EXPECT_EQ(normal.landlock.handled_fs, 0U);
  const SandboxPlan stacked = Case{.policy = "hardening = 'stacked'"}.made();
  EXPECT_NE(stacked.landlock.handled_fs, 0U);
  Case without{.policy = "hardening = 'stacked'"};
  without.features.landlock_abi = 0;
  EXPECT_TRUE(without.error().starts_with("p.toml: hardening = \"stacked\": this kernel has"));
}

TEST(PlanHost, RequirementsHoldOrEndThePlan) {
  Case test;
  test.request.require = {"landlock-6", "cgroup-bpf"};
  EXPECT_EQ(test.error(), "no error");
  test.request.require = {"landlock-7"};
  EXPECT_EQ(test.error(),
            "--require landlock-7: this kernel's Landlock is ABI 6 (see yett doctor)");
  test.request.require = {"bpf-lsm"};
  EXPECT_EQ(test.error(), "--require bpf-lsm: EPERM from BPF_PROG_LOAD (see yett doctor)");
  test.request.require = {"bpf-lsn"};
  EXPECT_EQ(test.error(),
            "--require bpf-lsn: there is no such protection (did you mean 'bpf-lsm'?)");
}

TEST(PlanHost, NeedsRootAndAnswersForItsWords) {
  Case test;
  test.features.is_root = false;
  test.request.mode = Mode::rootless;
  EXPECT_TRUE(test.error().starts_with("mode rootless")) << test.error();
  test.request.mode = Mode::full;
  EXPECT_TRUE(test.error().starts_with("--mode full: it needs root"));
  EXPECT_EQ(Case{.policy = "[on]\nviolation='kill'"}.error(), "no error");
}

TEST(PlanQuestions, OpensOfWhatIsThereGoToTheSupervisor) {
  const SandboxPlan plan =
      Case{.policy = "[files]\nask=['/srv']\ndeny=['/srv/x']\n[on]\nviolation='ask'"}.made();
  EXPECT_TRUE(plan.ask.opens);
  EXPECT_EQ(plan.ask.within, std::vector<std::string>{"/srv"});
  EXPECT_EQ(plan.ask.never, std::vector<std::string>{"/srv/x"});
  for (const char* name : {"open", "openat"}) {
    const SyscallRule* rule = rule_named(plan, name);
    ASSERT_NE(rule, nullptr) << name;
    EXPECT_EQ(rule->action, SyscallAction::allow) << name;
    EXPECT_EQ(rule->otherwise, SyscallAction::notify) << name;
    EXPECT_FALSE(rule->when.empty()) << name;
  }
  EXPECT_EQ(rule_named(plan, "openat2")->refuse_errno, ENOSYS);
  EXPECT_FALSE(Case{}.made().ask.opens);
}

TEST(PlanQuestions, NoPlaneThatGoesByWhoOpens) {
  Case asking{.policy = "[on]\nviolation='ask'"};
  asking.features.bpf_lsm.usable = true;
  EXPECT_FALSE(asking.made().lsm.labelled);
  EXPECT_TRUE(Case{.policy = "hardening='stacked'\n[on]\nviolation='ask'"}.error().starts_with(
      "[on] violation = \"ask\": Landlock's rules"));
  EXPECT_TRUE(Case{.policy = "extends='none'\n[on]\nviolation='ask'"}.error().starts_with(
      "[on] violation = \"ask\": without a filter"));
}

// SECURITY(one-id)
TEST(PlanIdentity, OneIdOfTheSandboxsOwn) {
  const SandboxPlan plan = Case{}.made();
  ASSERT_EQ(plan.identity.uid_map.size(), 1U);
  EXPECT_EQ(plan.identity.uid_map[0].count, 1U);
  EXPECT_EQ(plan.identity.uid_map[0].inside, 1000U);
  EXPECT_EQ(plan.identity.host_uid, 0x59000007U);
}

SandboxRequest with_volume(std::uint32_t kept_host_id) {
  return {.volumes = {{.source = "/v/data", .target = "/data", .kept_host_id = kept_host_id}},
          .command = {"true"}};
}

TEST(PlanIdentity, AVolumeIsMappedWhereItCanBe) {
  const SandboxPlan plan = Case{.request = with_volume(kept_host_id("/v"))}.made();
  EXPECT_TRUE(mount_at(plan, "/data")->map_owner);
  EXPECT_EQ(plan.identity.host_uid, 0x59000007U);
  EXPECT_TRUE(plan.reduced.empty());
}

// SECURITY(one-id): a volume's owner is taken on only when it is an id made for volumes.
TEST(PlanIdentity, AVolumeThatCannotBeMappedGivesItsIdToItsSandboxes) {
  Case named{.request = with_volume(kept_host_id("/v")), .keeps_owners = {"/v/data"}};
  EXPECT_FALSE(mount_at(named.made(), "/data")->map_owner);
  EXPECT_EQ(named.made().identity.host_uid, kept_host_id("/v"));
  EXPECT_EQ(named.made().identity.host_gid, kept_host_id("/v"));
  ASSERT_EQ(named.made().reduced.size(), 1U);
  EXPECT_NE(
      named.made().reduced[0].find("/v/data: its file system cannot be idmapped: the sandbox"),
      std::string::npos);
  for (const std::uint32_t owner : {0U, 1000U, 0x59000008U, 0xFFFFFFFFU}) {
    const SandboxPlan plan =
        Case{.request = with_volume(owner), .keeps_owners = {"/v/data"}}.made();
    EXPECT_EQ(plan.identity.host_uid, 0x59000007U) << owner;
    ASSERT_EQ(plan.reduced.size(), 1U) << owner;
    EXPECT_NE(plan.reduced[0].find("keep the host's owners"), std::string::npos);
  }
  named.features.idmapped_mounts.usable = false;
  named.keeps_owners.clear();
  EXPECT_EQ(named.made().identity.host_uid, kept_host_id("/v")) << "a kernel without idmaps";
}

TEST(PlanRows, EachRuleHasItsPlane) {
  const SandboxPlan plan = Case{.policy = kListen}.made();
  const auto row = std::ranges::find(plan.rules, "network.listen tcp://*:6379", &PlacedRule::rule);
  ASSERT_NE(row, plan.rules.end());
  EXPECT_EQ(row->plane, Plane::cgroup_bpf);
  EXPECT_EQ(row->source.text(), "p.toml:3:9");
  EXPECT_LE(count_reachable(plan.filter), 219U);
  EXPECT_EQ(syscall_rows(plan.filter).size(), count_reachable(plan.filter) + 1);
}

TEST(PlanJson, SaysWhatWillBeDone) {
  const std::string text = plan_json(Case{}.made());
  for (const char* part : {"\"kind\": \"root_tmpfs\"", "\"reachable\": 219", "\"host_uid\"",
                           "\"clone\": \"allow by arguments, else refuse EPERM\""})
    EXPECT_NE(text.find(part), std::string::npos) << part;
}

TEST(PlanNone, HasNoFilterAndSaysSo) {
  const SandboxPlan plan = Case{.policy = "extends = 'none'"}.made();
  EXPECT_FALSE(plan.filter.installed);
  EXPECT_FALSE(plan.landlock.applied);
  EXPECT_FALSE(plan.reduced.empty());
}

}  // namespace
}  // namespace yett
