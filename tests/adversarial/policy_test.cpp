// What the plan promises of files, execution and identity, tried by hostile programs; each with the
// twin that is permitted.
#include <sys/stat.h>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"

namespace yett::test {
namespace {

class PolicyHolds : public HostUnchanged {
 protected:
  [[nodiscard]] std::string policy_file(const std::string& text) const {
    const std::string path = work() + "/policy.toml";
    write_file(path, text);
    return path;
  }
  static RunResult shell(const std::string& script, const std::vector<std::string>& flags = {}) {
    std::vector<std::string> command{"run"};
    command.insert(command.end(), flags.begin(), flags.end());
    command.insert(command.end(), {"--", "sh", "-c", script});
    return run_yett(command);
  }
};

constexpr const char* kRunWritten =
    "cp /usr/bin/true /tmp/mine && chmod +x /tmp/mine && /tmp/mine; echo exec $?;"
    "/lib64/ld-linux-x86-64.so.2 /tmp/mine; echo load $?";

// SECURITY(write-xor-execute)
TEST_F(PolicyHolds, WhatIsWrittenIsNotExecuted) {
  const RunResult held = shell(kRunWritten);
  EXPECT_EQ(held.out, "exec 126\nload 127\n") << held.text();
  const std::string policy = policy_file("[exec]\nwritten_files = true\n");
  const RunResult granted = shell(kRunWritten, {"--policy", policy});
  EXPECT_EQ(granted.out, "exec 0\nload 0\n") << granted.text();
}

// SECURITY(write-execute-alias), SECURITY(exec_of_written)
TEST_F(PolicyHolds, WhatIsWrittenAtOnePlaceIsNotExecutedAtAnother) {
  const std::string volume = work() + "/volume";
  ASSERT_EQ(::mkdir(volume.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(volume.c_str(), 0777), 0);
  const char* script = "cp /usr/bin/true /data/mine; /shown/mine; echo $?";
  const std::vector<std::string> volumes{"-v", volume + ":/data", "-v", volume + ":/shown:ro"};
  const RunResult held = shell(script, volumes);
  EXPECT_EQ(held.out, "126\n") << held.text();
  std::vector<std::string> granting = volumes;
  granting.insert(granting.end(), {"--policy", policy_file("[exec]\nwritten_files = true\n")});
  const RunResult granted = shell(script, granting);
  EXPECT_EQ(granted.out, "0\n") << granted.text();
}

// SECURITY(write-execute-alias): of an image nothing is given up, so the plan ends here; but for
// BPF LSM, which lets it begin and refuses each program that was written.
TEST_F(PolicyHolds, NoVolumeMakesTheHostsProgramsWritable) {
  if (plan_of({.command = {"true"}}).lsm.labelled) return;
  const RunResult held = shell("true", {"-v", "/usr/lib:/mnt"});
  EXPECT_EQ(held.exit_status, 125) << held.text();
  EXPECT_NE(held.err.find("can also be executed as /usr/lib"), std::string::npos) << held.text();
  EXPECT_EQ(shell("true", {"-v", "/usr/lib:/mnt:ro"}).exit_status, 0);
}

// SECURITY(exec-list): also for programs among the libraries.
TEST_F(PolicyHolds, OnlyListedProgramsAreExecuted) {
  const std::string policy = policy_file("[files]\nexec = [\"/usr/bin/dash\"]\n");
  const char* script = "/usr/bin/true; echo $?; /usr/bin/dash -c 'echo listed'";
  const RunResult held = run_yett({"run", "--policy", policy, "--", "/usr/bin/dash", "-c", script});
  EXPECT_EQ(held.out, "126\nlisted\n") << held.text();
  const RunResult open = run_yett({"run", "--", "/usr/bin/dash", "-c", script});
  EXPECT_EQ(open.out, "0\nlisted\n") << open.text();
}

// SECURITY(memfd-exec)
TEST_F(PolicyHolds, NothingIsExecutedFromMemory) {
  const auto held = results_of(run_attack({"memfds"}));
  ASSERT_EQ(held.count("execute_plain"), 1U);
  EXPECT_TRUE(is_one_of(held.at("plain"), "ok|ENOSYS"));
  EXPECT_TRUE(is_one_of(held.at("execute_plain"), "EACCES|ENOSYS"));
  EXPECT_TRUE(is_one_of(held.at("execute_asked"), "EACCES|ENOSYS"));
  EXPECT_TRUE(is_one_of(held.at("execute_sealed"), "EACCES|ENOSYS|EINVAL"));
  const std::string policy = policy_file("[exec]\nmemfd = true\n");
  const auto granted = results_of(run_attack({"memfds"}, {"--policy", policy}));
  EXPECT_EQ(granted.at("execute_plain"), "ok");
}

// SECURITY(proc-read-only), SECURITY(proc-masks)
TEST_F(PolicyHolds, ProcIsReadOnlyAndMasked) {
  const RunResult held = shell(
      "for f in /proc/self/oom_score_adj /proc/self/comm /proc/sys/kernel/hostname; do "
      "  if echo 1 2>/dev/null > $f; then echo open $f; fi; done 2>/dev/null;"
      "wc -c < /proc/interrupts; umount /proc/interrupts 2>/dev/null && echo unmasked;"
      "grep -q MemTotal /proc/meminfo && echo readable");
  EXPECT_EQ(held.out, "0\nreadable\n") << held.text();
}

// SECURITY(one-id), SECURITY(no-core)
TEST_F(PolicyHolds, OneIdentityAndNoCoreDump) {
  const RunResult held = shell(
      "wc -l < /proc/self/uid_map; awk '{print $3}' /proc/self/uid_map; ulimit -c;"
      "grep -c '^Max core file size *1 *1 ' /proc/self/limits");
  EXPECT_EQ(held.out, "1\n1\n0\n1\n") << held.text();
}

// SECURITY(second-abi): the sweep of tests/unit/filter_sweep_test.cpp, and one call for real.
TEST_F(PolicyHolds, TheSecondAbiKills) {
  const auto held = results_of(run_attack({"second_abi"}));
  EXPECT_EQ(held.at("x32_getpid"), "SIGSYS");
  EXPECT_TRUE(is_one_of(held.at("i386_getpid"), "SIGSYS|SIGSEGV"));  // SEGV: no such ABI here
  EXPECT_EQ(held.at("getpid"), "ok");
}

}  // namespace
}  // namespace yett::test
