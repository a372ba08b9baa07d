// BPF LSM in whole launches: that it is in force, that the log says so, and that it holds alone
// what the filter and the mounts hold otherwise. Each refusal has the launch from which this plane
// is gone too. (tests/bpf tries its programs one by one.) It runs in the QEMU guests, which are
// sure to load it.
#include <sys/stat.h>

#include <sstream>

#include "supervisor/lsm/kernel_planes.hpp"
#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

class BpfLsm : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const Status probed = probe_bpf_lsm();
    YETT_REQUIRE(probed, probed.error().message());
  }
};

Missing executable_everywhere() {
  return {.from_plan =
              [](SandboxPlan& plan) {
                for (MountEntry& entry : plan.mounts) entry.executable = Executable::yes;
                plan.namespaces.sysctls.clear();
              },
          .calls = {}};
}

// No layer but the namespaces and, if it stays, BPF LSM.
Missing everything_but_bpf(bool keeps_bpf) {
  Missing all = without({without_filter(), without_landlock(), executable_everywhere()});
  all.keeps_bpf = keeps_bpf;
  return all;
}

struct Row {
  const char* attempt;
  const char* held;
  const char* off;
};

void expect_held_by_it_alone(const char* attack, std::initializer_list<Row> rows) {
  std::vector<std::string> command{attack};
  for (const Row& row : rows) command.emplace_back(row.attempt);
  const Results held = results_of(run_attack_without(everything_but_bpf(true), command));
  const Results off = results_of(run_attack_without(everything_but_bpf(false), command));
  for (const Row& row : rows) {
    expect_result(held, row.attempt, row.held, "under BPF LSM alone");
    expect_result(off, row.attempt, row.off, "without it");
  }
}

TEST_F(BpfLsm, TheLogSaysThatItIsInForce) {
  const std::string log = work() + "/audit.jsonl";
  const RunResult run = run_yett({"run", "--audit", log, "--", "true"});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  std::string header;
  std::istringstream told(read_file(log));
  std::getline(told, header);
  EXPECT_NE(header.find("\"bpf-lsm\""), std::string::npos) << header;
}

// What it refuses is told like every other refusal: with the plane, the rule and the file. Here one
// directory is writable at a place and executable at another, which no mount can hold.
TEST_F(BpfLsm, ItsRefusalsAreTold) {
  const std::string volume = work() + "/volume";
  ASSERT_EQ(::mkdir(volume.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(volume.c_str(), 0777), 0);
  const std::string log = work() + "/audit.jsonl";
  const RunResult run =
      run_yett({"run", "--audit", log, "-v", volume + ":/data", "-v", volume + ":/shown:ro", "--",
                "sh", "-c", "cp /usr/bin/true /data/mine; exec /shown/mine"});
  EXPECT_EQ(run.exit_status, 126) << run.text();
  const std::string told = read_file(log);
  for (const char* part : {"\"plane\":\"bpf-lsm\"", "exec.written_files", "/shown/mine"})
    EXPECT_NE(told.find(part), std::string::npos) << part << " is missing:\n" << told << run.text();
}

// SECURITY(exec_of_written), SECURITY(memfd_exec)
TEST_F(BpfLsm, WhatIsWrittenIsNotExecuted) {
  expect_held_by_it_alone("exec_written", {{"read_only_program", "ok", "ok"},
                                           {"in_tmp", "EACCES", "ok"},
                                           {"in_shm", "EACCES", "ok"},
                                           {"map_written", "EACCES", "ok"},
                                           {"map_then_protect", "EACCES", "ok"},
                                           {"loader", "EACCES", "ok"},
                                           {"by_descriptor", "EACCES", "ok"},
                                           {"memfd", "EACCES", "ok"}});
}

// SECURITY(start_race): also as a program's first act, at each of many starts.
TEST_F(BpfLsm, InForceBeforeTheFirstAct) {
  for (int i = 0; i < repeated(100); ++i) {
    const Results held =
        results_of(run_attack_without(everything_but_bpf(true), {"exec_written", "in_tmp"}));
    expect_result(held, "in_tmp", "EACCES", "under BPF LSM alone");
  }
}

TEST_F(BpfLsm, DoorsToTheKernelAreClosed) {
  expect_held_by_it_alone("kernel_calls", {{"mknod_fifo", "ok", "ok"},
                                           {"add_key", "EPERM|EACCES", "ok"},
                                           {"keyctl_search", "EPERM|EACCES", "ok"}});
  expect_held_by_it_alone(
      "namespaces",
      {{"plain_fork", "ok", "ok"}, {"unshare_user", "EPERM", "ok"}, {"clone_user", "EPERM", "ok"}});
  expect_held_by_it_alone("terminals", {{"window_size", "ok", "ok"},
                                        {"tiocsti", "EPERM", "ok|EIO"},
                                        {"tiocsti_high", "EPERM", "ok|EIO"}});
}

TEST_F(BpfLsm, SocketFamiliesAreThree) {
  expect_held_by_it_alone(
      "sockets", {{"unix_pair", "ok", "ok"}, {"netlink_route", "EAFNOSUPPORT|EACCES|EPERM", "ok"}});
}

}  // namespace
}  // namespace yett::test
