// security.md, "Kernel interface" and "Policy planes": what may be written, and what of that may be
// executed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

class Files : public HostUnchanged {
 protected:
  // A directory of the host, with files that everybody may write.
  std::string make_volume() const {
    const std::string path = work() + "/volume";
    EXPECT_EQ(::mkdir(path.c_str(), 0777), 0);
    EXPECT_EQ(::chmod(path.c_str(), 0777), 0);
    write_file(path + "/target", "target\n", 0666);
    write_file(path + "/other", "other\n", 0666);
    return path;
  }
};

std::set<std::string> lines_of(const std::string& text) {
  std::istringstream lines(text);
  std::set<std::string> all;
  for (std::string line; std::getline(lines, line);) all.insert(line);
  return all;
}

// ---- set-uid and set-gid bits -------------------------------------------------------------------

const std::vector<std::string> kGiven{
    "chmod_uid",     "chmod_gid",     "chmod_high", "fchmod_uid",     "fchmodat_uid",
    "fchmodat2_uid", "open_uid",      "openat_uid", "openat_unnamed", "creat_uid",
    "mknod_uid",     "mknod_untyped", "mknodat_uid"};
const std::vector<std::string> kHarmless{"chmod_plain", "fchmodat2_plain", "open_plain",
                                         "open_old",    "openat_old",      "creat_plain",
                                         "mknod_plain", "mkdir_uid"};

std::size_t count_set_ids(const std::string& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) == 0 && (status.st_mode & 06000) != 0) ++count;
  }
  return count;
}

// Where fchmodat2 is not there (before 6.6), it is nowhere.
void expect_given(const Results& results, const std::string& answer, const char* where) {
  for (const std::string& attempt : kGiven)
    expect_result(results, attempt, attempt == "fchmodat2_uid" ? answer + "|ENOSYS" : answer,
                  where);
  for (const std::string& attempt : kHarmless)
    expect_result(results, attempt, attempt == "fchmodat2_plain" ? "ok|ENOSYS" : "ok", where);
}

// SECURITY(set-ids): what is written into a directory of root's belongs to root there.
TEST_F(Files, NothingOnTheHostBecomesSetUid) {
  const std::string volume = make_volume();
  const Results inside = results_of(run_attack({"set_ids"}, {"-v", volume + ":/data"}));
  expect_given(inside, "EPERM", "inside");
  expect_result(inside, "openat2_uid", "ENOSYS", "inside");
  EXPECT_EQ(count_set_ids(volume), 0U);
  struct stat status{};
  ASSERT_EQ(::stat((volume + "/plain").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U) << "else there was nothing to refuse";
}

TEST_F(Files, WhereThePolicySaysSoItMayBecomeSetUid) {
  const std::string volume = make_volume();
  const std::string policy = work() + "/set_ids.toml";
  write_file(policy, "extends = \"plugin\"\n[files]\nset_ids = true\n");
  const Results inside =
      results_of(run_attack({"set_ids"}, {"--policy", policy, "-v", volume + ":/data"}));
  expect_given(inside, "ok", "granted");
  expect_result(inside, "openat2_uid", "ok", "granted");
  EXPECT_GT(count_set_ids(volume), 8U);
}

// What is nobody's but the sandbox's may have them: package managers set them in images.
TEST_F(Files, InItsOwnFilesASandboxMaySetThem) {
  const Results inside = results_of(run_attack({"set_ids"}));
  expect_given(inside, "ok", "own");
  expect_result(inside, "openat2_uid", "ok", "own");
}

// ---- proc, sys, dev -----------------------------------------------------------------------------

// SECURITY(proc-read-only), SECURITY(proc-masks), SECURITY(masks): core_pattern, sysrq-trigger,
// kmsg, binfmt_misc and all the rest; only harmless devices can be opened for writing.
TEST_F(Files, NothingOfProcAndSysCanBeWritten) {
  const RunResult run = run_attack({"open_all", "/proc", "/sys", "/dev"});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  // A masked file is the null device: writing to it does nothing.
  const std::set<std::string> permitted{"/proc/kallsyms", "/proc/keys",   "/proc/interrupts",
                                        "/dev/null",      "/dev/zero",    "/dev/full",
                                        "/dev/random",    "/dev/urandom", "/dev/tty",
                                        "/dev/pts/ptmx",  "/dev/yett"};
  const std::set<std::string> opened = lines_of(run.out);
  for (const std::string& path : opened) EXPECT_TRUE(permitted.contains(path)) << path;
  EXPECT_TRUE(opened.contains("/dev/null")) << run.text();
}

TEST_F(Files, WithAWritableProcOnlyItsOwnFilesCould) {
  const Missing read_only{.from_plan =
                              [](SandboxPlan& plan) {
                                for (MountEntry& entry : plan.mounts)
                                  if (entry.kind == MountKind::proc) entry.writable = Writable::yes;
                              },
                          .calls = {}};
  const std::set<std::string> opened =
      lines_of(run_attack_without(read_only, {"open_all", "/proc"}).out);
  EXPECT_GT(opened.size(), 5U);  // /proc/self/...: the layer that is missing
  // The layer behind it: another owner, and no capability. (What everybody may open, the kernel
  // checks when it is written: attr/, timerslack_ns, ns_last_pid.)
  EXPECT_FALSE(opened.contains("/proc/sys/kernel/core_pattern"));
  EXPECT_FALSE(opened.contains("/proc/sysrq-trigger"));
  EXPECT_FALSE(opened.contains("/proc/1/mem"));
  EXPECT_FALSE(opened.contains("/proc/1/oom_score_adj"));
  const std::set<std::string> native = lines_of(run_attack_natively({"open_all", "/proc/sys"}).out);
  EXPECT_TRUE(native.contains("/proc/sys/kernel/core_pattern")) << native.size();
}

TEST_F(Files, TheKernelsAddressesAndKeysAreMasked) {
  const std::string script = "wc -c < /proc/kallsyms; wc -c < /proc/keys; wc -c < /proc/interrupts";
  EXPECT_EQ(run_yett({"run", "--", "sh", "-c", script}).out, "0\n0\n0\n");
  const Missing masks{.from_plan =
                          [](SandboxPlan& plan) {
                            std::erase_if(plan.mounts, [](const MountEntry& entry) {
                              return entry.kind == MountKind::mask;
                            });
                          },
                      .calls = {}};
  EXPECT_NE(run_without(masks, {.command = {"sh", "-c", "wc -c < /proc/kallsyms"}}).out, "0\n");
}

// ---- a read-only volume -------------------------------------------------------------------------

TEST_F(Files, AReadOnlyVolumeHasNoOtherWayIn) {
  const std::string volume = make_volume();
  const Results inside = results_of(run_attack({"write_matrix"}, {"-v", volume + ":/data:ro"}));
  EXPECT_EQ(read_file(volume + "/target"), "target\n");
  EXPECT_EQ(read_file(volume + "/other"), "other\n");
  expect_result(inside, "read_it", "ok", "inside");
  // The twin: the same volume, writable.
  const Results twin = results_of(run_attack({"write_matrix"}, {"-v", volume + ":/data"}));
  for (const auto& [attempt, result] : inside) {
    if (attempt == "read_it") continue;
    // Another mount is another file system, writable or not; a mapping never gains a right.
    const bool elsewhere = attempt == "link_out" || attempt == "link_descriptor";
    expect_result(inside, attempt, elsewhere ? "EXDEV|ENOENT|EPERM" : "EROFS|EACCES|EPERM",
                  "inside");
    if (!elsewhere && attempt != "map_write" && attempt != "set_attribute")
      // BPF LSM, where it is in force, keeps modes as they are.
      expect_result(twin, attempt, attempt.starts_with("change_mode") ? "ok|EPERM" : "ok",
                    "with a writable volume");
  }
}

TEST_F(Files, WithoutTheReadOnlyMountItWouldBeWritten) {
  const std::string volume = make_volume();
  const Missing read_only{.from_plan =
                              [](SandboxPlan& plan) {
                                for (MountEntry& entry : plan.mounts)
                                  if (entry.target == "/data") entry.writable = Writable::yes;
                              },
                          .calls = {}};
  const Results open = results_of(
      run_attack_without(read_only, {"write_matrix", "open_write"}, {{volume, "/data", true}}));
  expect_result(open, "open_write", "ok", "without the read-only mount");
}

// ---- executing what was written -----------------------------------------------------------------

const char* const kWaysToExecute[] = {
    "in_tmp",           "in_var_tmp", "in_home",    "in_run",         "in_shm",
    "in_volume",        "memfd",      "memfd_exec", "memfd_execveat", "map_written",
    "map_then_protect", "map_shared", "loader",     "by_descriptor"};

// SECURITY(memfd-exec), SECURITY(write-xor-execute)
TEST_F(Files, WhatTheSandboxWroteIsNotExecuted) {
  const std::string volume = make_volume();
  const Results inside = results_of(run_attack({"exec_written"}, {"-v", volume + ":/data"}));
  expect_result(inside, "read_only_program", "ok", "inside");
  expect_result(inside, "link_into_tmp", "EXDEV|EPERM|EACCES", "inside");
  for (const char* way : kWaysToExecute) expect_result(inside, way, "EACCES|EPERM", "inside");
}

TEST_F(Files, WhereThePolicySaysSoItIs) {
  const std::string volume = make_volume();
  write_file(work() + "/policy.toml", "[exec]\nwritten_files = true\nmemfd = true\n");
  const Results inside = results_of(
      run_attack({"exec_written"}, {"--policy", work() + "/policy.toml", "-v", volume + ":/data"}));
  for (const char* way : kWaysToExecute) {
    const std::string name = way;  // two that no policy grants
    const bool never = name == "memfd_execveat" || name == "in_shm";
    const bool newer = name == "memfd_exec";  // the flag is Linux 6.3's
    expect_result(inside, name,
                  never   ? "ok|EPERM|EACCES"
                  : newer ? "ok|EINVAL"
                          : "ok",
                  "where it is granted");
  }
}

TEST_F(Files, WithoutNoexecItWouldBe) {
  const Missing noexec{.from_plan =
                           [](SandboxPlan& plan) {
                             for (MountEntry& entry : plan.mounts)
                               entry.executable = Executable::yes;
                           },
                       .calls = {}};
  const Results inside = results_of(
      run_attack_without(noexec, {"exec_written", "in_tmp", "map_written", "loader", "memfd"}));
  for (const char* way : {"in_tmp", "map_written", "loader"})
    expect_result(inside, way, "ok", "without noexec");
  // Held by the sysctl alone. Before Linux 6.3 there is none: BPF LSM holds it, which is gone here
  // too, and where that cannot be had there is no memfd.
  const SandboxPlan full = plan_of({.command = {"true"}});
  const bool has_sysctl = !full.namespaces.sysctls.empty();
  const bool left_to_bpf = !has_sysctl && full.lsm.labelled;
  expect_result(inside, "memfd",
                has_sysctl    ? "EACCES"
                : left_to_bpf ? "ok"
                              : "ENOSYS",
                "without noexec");
  if (!has_sysctl) return;
  const Missing sysctl{.from_plan = [](SandboxPlan& plan) { plan.namespaces.sysctls.clear(); },
                       .calls = {}};
  expect_result(results_of(run_attack_without(sysctl, {"exec_written", "memfd"})), "memfd", "ok",
                "without vm.memfd_noexec");
}

// SECURITY(label-before-release): whatever holds the rule is in force before the program's first
// act, at every start.
TEST_F(Files, FirstActsAreRefusedToo) {
  for (int i = 0; i < repeated(100); ++i) {
    const Results inside = results_of(run_attack({"exec_written", "in_tmp", "memfd"}));
    ASSERT_TRUE(is_one_of(inside.at("in_tmp"), "EACCES|EPERM")) << inside.at("in_tmp");
    ASSERT_TRUE(is_one_of(inside.at("memfd"), "EACCES|EPERM")) << inside.at("memfd");
  }
}

// ---- core dumps ---------------------------------------------------------------------------------

// SECURITY(no-core): a core_pattern that pipes runs a helper as the host's root: it is not reached
// with a limit of 1, and the dumping flag of the wait status stays clear.
TEST_F(Files, NoCoreIsDumped) {
  const RunResult run = run_yett({"run", "--", "sh", "-c", "ulimit -c; ulimit -Hc; kill -SEGV $$"});
  EXPECT_EQ(run.exit_status, 128 + SIGSEGV) << run.text();
  const Missing limit{.from_plan = [](SandboxPlan& plan) { plan.rlimits.clear(); }, .calls = {}};
  const RunResult off = run_without(limit, {.command = {"sh", "-c", "ulimit -c; ulimit -Hc"}});
  EXPECT_EQ(run.out, "0\n0\n") << "1 byte, which the shell tells in blocks";
  EXPECT_NE(off.out, "0\n0\n") << off.text();
}

}  // namespace
}  // namespace yett::test
