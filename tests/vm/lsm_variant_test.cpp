// A plane that loads but does not enforce must be noticed: the same cases run in guests whose LSM
// list lacks bpf or landlock, so each refusal has its permitted twin in the other guest.

#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

namespace {

struct Outcome {
  int status = 0;      // exit status, as a shell tells it
  std::string output;  // stdout and stderr
};

Outcome yett(const std::string& arguments) {
  const std::string line =
      std::string(std::getenv("YETT_BIN")) + " " + arguments + " 2>&1 </dev/null";
  Outcome outcome;
  FILE* pipe = ::popen(line.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const auto size = ::fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.output.append(buffer.data(), size);
  }
  outcome.status = WEXITSTATUS(::pclose(pipe));
  return outcome;
}

// Whether this guest was started with the LSM (run.sh sets the variable from the same list).
bool guest_has(const std::string& lsm) {
  return ("," + std::string(std::getenv("YETT_VM_LSM")) + ",").contains("," + lsm + ",");
}

// SECURITY(plane_enforces): a plane counts only after it was seen to deny something.
void expect_required_plane_is_true(const std::string& plane, bool there) {
  const Outcome outcome = yett("run --require=" + plane + " -- true");
  if (there) {
    EXPECT_EQ(outcome.status, 0) << outcome.output;
    return;
  }
  EXPECT_EQ(outcome.status, 125) << outcome.output;
  EXPECT_TRUE(outcome.output.contains(plane)) << outcome.output;
}

TEST(RequiredPlane, BpfLsmEndsTheLaunchWhereTheKernelDoesNotEnforceIt) {
  expect_required_plane_is_true("bpf-lsm", guest_has("bpf"));
}

TEST(RequiredPlane, LandlockEndsTheLaunchWhereTheKernelDoesNotEnforceIt) {
  expect_required_plane_is_true("landlock", guest_has("landlock"));
}

TEST(Doctor, NamesOnlyPlanesThatEnforce) {
  const auto report = nlohmann::json::parse(yett("doctor --json").output, nullptr, false);
  ASSERT_FALSE(report.is_discarded());
  const std::string planes = report["planes"].dump();
  EXPECT_EQ(planes.contains("bpf-lsm"), guest_has("bpf")) << planes;
  EXPECT_EQ(planes.contains("landlock"), guest_has("landlock")) << planes;
}

// What doctor finds is kept for later runs: it must know of every plane that a run can use.
TEST(Doctor, KeepsAnAnswerThatLaterRunsCanUse) {
  ASSERT_EQ(yett("doctor").status, 0);
  expect_required_plane_is_true("bpf-lsm", guest_has("bpf"));
}

// A policy that needs none of them runs everywhere: what is missing is a second layer.
TEST(DefaultPolicy, RunsInEachGuest) {
  const Outcome outcome = yett("run -- sh -c 'echo inside; exit 9'");
  EXPECT_EQ(outcome.status, 9) << outcome.output;
  EXPECT_TRUE(outcome.output.contains("inside")) << outcome.output;
}

}  // namespace
