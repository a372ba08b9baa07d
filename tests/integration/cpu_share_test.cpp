// --cpus for who has no cgroup, in both modes without one.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "tests/support/docker_filter.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

// Each prints the processors that it used on average: what its threads and its children took, by
// the clock. Children that nobody waits for count by what they write down themselves.
const char* const kSpin =
    "import os, signal, sys, time\n"
    "def spin(seconds):\n"
    "  end = time.monotonic() + seconds\n"
    "  while time.monotonic() < end: pass\n"
    "began = time.monotonic()\n";
const char* const kTell =
    "t = os.times()\n"
    "print((t.user + t.system + t.children_user + t.children_system) / (time.monotonic() - "
    "began))\n";

class CpuShare : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "only root can become an ordinary user");
    home_.emplace();
    options_ = home_->options();
    options_.environment.push_back("TMPDIR=" + home_->path() + "/run");
    if (std::string(GetParam()) == "fallback")
      options_.before_exec = [] {
        confine_as_in_a_container();
        become_ordinary_user();
      };
    const RunResult probe = share("0.5", "");
    YETT_REQUIRE(probe.exit_status == 0, "this mode cannot be had here: " + probe.err);
  }

  [[nodiscard]] RunResult share(const std::string& cpus, const std::string& script) const {
    return run_yett({"run", "--mode", GetParam(), "--cpus", cpus, "-m", "256M", "--time", "50s",
                     "--", "python3", "-c", kSpin + script},
                    options_);
  }
  [[nodiscard]] double used(const std::string& body, const std::string& cpus) const {
    const RunResult result = share(cpus, body + kTell);
    EXPECT_EQ(result.exit_status, 0) << result.text();
    return std::atof(result.out.c_str());
  }

  std::optional<OrdinaryHome> home_;
  RunOptions options_;
};
INSTANTIATE_TEST_SUITE_P(Modes, CpuShare, ::testing::Values("rootless", "fallback"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(CpuShare, ASpinnerIsHeldWithinATenth) {
  for (const char* cpus : {"0.2", "0.5"}) {
    const double limit = std::atof(cpus);
    double most = 0;
    // Where others keep the processors busy it gets less than its share: some tries.
    for (int tries = 0; tries < 3 && most < limit * 0.9; ++tries)
      most = std::max(most, used("spin(3)\n", cpus));
    EXPECT_LE(most, limit * 1.1) << cpus;
    EXPECT_GE(most, limit * 0.5) << cpus;
    RecordProperty(std::string("share_") + cpus, std::to_string(most));
  }
}

TEST_P(CpuShare, ChildrenCountTogether) {
  const double together = used(
      "children = [os.fork() for i in range(2)]\n"
      "spin(3)\n"
      "if 0 in children: os._exit(0)\n"
      "while True:\n"
      "  try: os.wait()\n"
      "  except ChildProcessError: break\n",
      "0.5");
  EXPECT_LE(together, 0.5 * 1.1);
}

// SECURITY(cpu-unwaited): short lives that nobody waits for leave no time behind in anybody's
// account.
TEST_P(CpuShare, WhoIsNotWaitedForCountsToo) {
  const RunResult result = share("0.2",
                                 "import mmap, struct\n"
                                 "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
                                 "shared = mmap.mmap(-1, 8)\n"
                                 "while time.monotonic() < began + 4:\n"
                                 "  if os.fork() == 0:\n"
                                 "    spin(0.004)\n"
                                 "    used = struct.unpack('d', shared[:8])[0]\n"
                                 "    shared[:8] = struct.pack('d', used + time.process_time())\n"
                                 "    os._exit(0)\n"
                                 "  try: os.wait()\n"
                                 "  except ChildProcessError: pass\n"
                                 "print(struct.unpack('d', shared[:8])[0] / 4)\n");
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_LE(std::atof(result.out.c_str()), 0.3) << result.text();
}

// SECURITY(cpu-woken): who continues what was stopped is held nevertheless, or it ends.
class CpuShareWoken : public CpuShare {
 protected:
  void is_held_or_ended(const std::string& script) const {
    const RunResult result = share("0.2", script + kTell);
    if (result.exit_status == 137) return;
    EXPECT_EQ(result.exit_status, 0) << result.text();
    EXPECT_LE(std::atof(result.out.c_str()), 0.2 * 1.3) << result.text();
  }
};
INSTANTIATE_TEST_SUITE_P(Modes, CpuShareWoken, ::testing::Values("rootless", "fallback"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(CpuShareWoken, ByItsTimer) {
  is_held_or_ended(
      "import ctypes\n"
      "signal.signal(signal.SIGCONT, lambda *a: None)\n"
      "libc = ctypes.CDLL(None)\n"
      "class Event(ctypes.Structure): _fields_ = [('value', ctypes.c_long), "
      "('signo', ctypes.c_int), ('notify', ctypes.c_int), ('pad', ctypes.c_char * 48)]\n"
      "timer = ctypes.c_void_p()\n"
      "assert libc.timer_create(1, ctypes.byref(Event(signo=18)), ctypes.byref(timer)) == 0\n"
      "assert libc.timer_settime(timer, 0, (ctypes.c_long * 4)(0, 1000000, 0, 1000000), None) == "
      "0\n"
      "spin(5)\n");
}

// The supervisor stops the one while the other continues it.
TEST_P(CpuShareWoken, ByOneAnother) {
  is_held_or_ended(
      "other = os.getpid()\n"
      "child = os.fork()\n"
      "if child: other = child\n"
      "while time.monotonic() < began + 5:\n"
      "  for i in range(100):\n"
      "    try: os.kill(other, signal.SIGCONT)\n"
      "    except ProcessLookupError: pass\n"
      "if child: os.wait()\n"
      "else: os._exit(0)\n");
}

TEST_P(CpuShare, WhoStoodStillByItselfStaysSo) {
  const RunResult result = share("0.2",
                                 "child = os.fork()\n"
                                 "if child == 0:\n"
                                 "  os.kill(os.getpid(), signal.SIGSTOP)\n"
                                 "  os._exit(7)\n"
                                 "print(os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]))\n"
                                 "spin(1)\n"
                                 "print(os.waitpid(child, os.WNOHANG))\n"
                                 "os.kill(child, signal.SIGCONT)\n"
                                 "print(os.WEXITSTATUS(os.waitpid(child, 0)[1]))\n");
  EXPECT_EQ(result.out, "True\n(0, 0)\n7\n") << result.text();
}

}  // namespace
}  // namespace yett::test
