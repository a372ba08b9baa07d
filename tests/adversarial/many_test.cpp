// 1,000 runs, 8 at a time, each an attack or a sudden end: afterwards the host is as before, by the
// fixture's photograph and by what this process still holds.
#include <dirent.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Many : public HostUnchanged {
 protected:
  static std::size_t entries_of(const char* directory) {
    std::error_code error;
    const fs::directory_iterator entries(directory, error);
    return error ? 0
                 : static_cast<std::size_t>(std::distance(fs::begin(entries), fs::end(entries)));
  }
};

struct Kind {
  std::vector<std::string> arguments;
  int expected;       // exit status
  bool killed_early;  // the supervisor is killed after a few milliseconds instead
};

// The photograph can differ: what somebody leaves is on it.
TEST_F(Many, WhatIsLeftIsSeen) {
  const auto before = photograph_host(canary());
  EXPECT_EQ(photograph_host(canary()), before);
  ASSERT_EQ(::mount("none", work().c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_NE(photograph_host(canary()), before) << "a mount";
  ASSERT_EQ(::umount2(work().c_str(), MNT_DETACH), 0);
  EXPECT_EQ(photograph_host(canary()), before);
}

TEST_F(Many, ThousandRunsLeaveNothing) {
  const std::string image = work() + "/image";
  fs::create_directory(image);
  fs::copy_file(kAttacks + "/kernel_calls", image + "/kernel_calls");
  std::vector<Kind> kinds{
      {{"run", "--", "true"}, 0, false},
      {{"run", "--", "sh", "-c", "exit 7"}, 7, false},
      {{"run", "--", "/no/such/program"}, 127, false},
      {{"run", "-v", kAttackVolume, "--", "/attacks/kernel_calls", "bpf_map", "kexec_load"},
       0,
       false},
      {{"run", image, "--", "/kernel_calls", "splice_call"}, 0, false},
      {{"run", "-m", "64M", "--pids", "32", "--", "sh", "-c", "kill -KILL $$"}, 137, false},
      {{"run", "--time", "50ms", "--", "sleep", "30"}, 137, false},
      {{"run", "-m", "64M", "--", "sleep", "30"}, 0, true},
  };
  const std::string package = work() + "/image.sqfs";
  if (run_yett({"pack", image, package}).exit_status == 0)
    kinds.push_back({{"run", package, "--", "/kernel_calls", "splice_call"}, 0, false});

  const std::size_t descriptors = entries_of("/proc/self/fd");
  std::atomic<int> next{0};
  std::mutex lock;
  std::string complaints;
  const int runs = is_emulated_guest() ? 48 : 1000;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 8; ++worker)
    workers.emplace_back([&] {
      for (int i; (i = next++) < runs;) {
        const Kind& kind = kinds[static_cast<std::size_t>(i) % kinds.size()];
        RunningProgram yett(yett_command(kind.arguments), {});
        if (kind.killed_early) {
          std::this_thread::sleep_for(std::chrono::milliseconds(i % 12));
          yett.kill(SIGKILL);
        }
        const RunResult result = yett.wait();
        const std::scoped_lock held(lock);
        if (!kind.killed_early && result.exit_status != kind.expected && complaints.size() < 4000)
          complaints += kind.arguments.back() + ": " + result.text();
      }
    });
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(complaints, "");
  EXPECT_TRUE(sandboxes_gone_within(2000)) << living_sandbox_processes();
  EXPECT_EQ(entries_of("/proc/self/fd"), descriptors);
  // What killed supervisors could not remove themselves goes with the next sandbox that has limits.
  EXPECT_EQ(run_yett({"run", "-m", "64M", "--", "true"}).exit_status, 0);
}

}  // namespace
}  // namespace yett::test
