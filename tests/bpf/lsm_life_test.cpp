// Labels and pins through their lives: inheritance, the race at the start, entries that vanish,
// maps that fill up, loaders that die.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/lsm_policy.h"
#include "supervisor/lsm/kernel_planes.hpp"
#include "supervisor/lsm/lsm_entry.hpp"
#include "supervisor/lsm/lsm_programs.hpp"
#include "tests/bpf/labelled_task.hpp"

namespace yett::test {
namespace {

int forbidden_act() {
  union bpf_attr attributes{};
  return outcome(::syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attributes, sizeof attributes) != 0);
}

int exit_status(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 201;
}

int in_grandchild() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(forbidden_act());
  return exit_status(child);
}

int in_thread() {
  pthread_t thread{};
  int result = 0;
  const auto body = [](void* slot) -> void* {
    *static_cast<int*>(slot) = forbidden_act();
    return nullptr;
  };
  if (::pthread_create(&thread, nullptr, body, &result) != 0) return 199;
  ::pthread_join(thread, nullptr);
  return result;
}

int after_exec() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", "kill -0 1", nullptr);
    ::_exit(199);
  }
  return exit_status(child);
}

int in_new_session() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    ::_exit(in_grandchild());
  }
  return exit_status(child);
}

SandboxPlan labelled_sandbox() {
  SandboxPlan plan;
  plan.sandbox = "life";
  plan.lsm = plain_plan();
  return plan;
}

// A child that waits for one byte, then gives what the forbidden act gave.
struct WaitingChild {
  pid_t pid = 0;
  int gate = -1;

  // `patience`: how long the act is tried again while it is refused.
  static WaitingChild start(std::chrono::seconds patience = {}) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    const pid_t pid = ::fork();
    if (pid == 0) {
      char word = 0;
      ::close(ends[1]);
      if (::read(ends[0], &word, 1) != 1) ::_exit(199);
      const auto until = std::chrono::steady_clock::now() + patience;
      int result = forbidden_act();
      while (result == EPERM && std::chrono::steady_clock::now() < until) {
        ::usleep(10'000);
        result = forbidden_act();
      }
      ::_exit(result);
    }
    ::close(ends[0]);
    return {pid, ends[1]};
  }
  [[nodiscard]] Status label(KernelPlanes& planes) const {
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    const UniqueFd root(::open(("/proc/" + std::to_string(pid) + "/root").c_str(), O_PATH));
    return planes.label(pidfd.borrow(), root.borrow());
  }
  [[nodiscard]] int finish() const {
    if (::write(gate, "g", 1) != 1) return 198;
    ::close(gate);
    return exit_status(pid);
  }
};

class LsmLife : public LsmTest {};

// SECURITY: label_inheritance.
TEST_F(LsmLife, LabelsAreInherited) {
  for (const auto act : {in_grandchild, in_thread, in_new_session}) {
    EXPECT_EQ(run_labelled(plain_plan(), act).result, EPERM);
    EXPECT_EQ(run_unlabelled(act), 0);
  }
  EXPECT_NE(run_labelled(plain_plan(), after_exec).result, 0);
  EXPECT_EQ(run_unlabelled(after_exec), 0);
}

// SECURITY: start_race.
TEST_F(LsmLife, OfAThousandStartsNoneIsEarly) {
  auto planes = KernelPlanes::make(labelled_sandbox(), BorrowedFd());
  ASSERT_TRUE(planes) << planes.error().message();
  int successes = 0;
  for (int i = 0; i < 1000; ++i) {
    const WaitingChild child = WaitingChild::start();
    ASSERT_TRUE(child.label(*planes));
    successes += child.finish() == EPERM ? 0 : 1;
  }
  EXPECT_EQ(successes, 0);
  EXPECT_EQ(WaitingChild::start().finish(), 0);  // and without its label it would have succeeded
}

// SECURITY: no_policy_denies.
TEST_F(LsmLife, ALabelWithoutItsEntryGetsNothing) {
  std::optional<KernelPlanes> planes;
  {
    auto made = KernelPlanes::make(labelled_sandbox(), BorrowedFd());
    ASSERT_TRUE(made) << made.error().message();
    planes.emplace(std::move(*made));
  }
  const WaitingChild child = WaitingChild::start();
  ASSERT_TRUE(child.label(*planes));
  planes.reset();
  EXPECT_EQ(child.finish(), EPERM);
}

TEST_F(LsmLife, WithoutItsEntryATaskNeitherWritesNorConnectsNorExecutes) {
  const Act act = [this] {
    std::array<int, 3> results{};
    results[0] = outcome(::open((directory() + "/new").c_str(), O_CREAT | O_WRONLY, 0600) < 0);
    results[1] = outcome(::socket(AF_INET, SOCK_STREAM, 0) < 0);
    ::execl("/bin/true", "true", nullptr);
    results[2] = errno;
    for (const int result : results)
      if (result != EACCES) return 190;
    return 0;
  };
  auto maps = open_lsm_programs();
  ASSERT_TRUE(maps) << maps.error().message();
  const Act orphaned = [&] {
    const int self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
    const yett_label label{.policy = 0xdead0001, .generation = 1};
    if (bpf_map_update_elem(maps->labels.get(), &self, &label, BPF_ANY) != 0) return 189;
    return act();
  };
  EXPECT_EQ(run_unlabelled(orphaned), 0);
}

// Loads the programs and labels the child, and is killed.
void label_and_die(const WaitingChild& child) {
  std::array<int, 2> told{};
  ASSERT_EQ(::pipe2(told.data(), O_CLOEXEC), 0);
  const pid_t loader = ::fork();
  if (loader == 0) {
    auto planes = KernelPlanes::make(labelled_sandbox(), BorrowedFd());
    const bool done = planes && child.label(*planes);
    if (::write(told[1], done ? "y" : "n", 1) != 1) ::_exit(1);
    ::pause();
  }
  char word = 'n';
  EXPECT_EQ(::read(told[0], &word, 1), 1);
  ::kill(loader, SIGKILL);
  ::waitpid(loader, nullptr, 0);
  EXPECT_EQ(word, 'y');
  for (const int end : told) ::close(end);
}

// A loader and labeller killed at once: what it pinned stays in force.
TEST_F(LsmLife, TheLoadersDeathOpensNothing) {
  const WaitingChild child = WaitingChild::start();
  label_and_die(child);
  EXPECT_EQ(child.finish(), EPERM);
}

// The pins are what keeps it: without them the programs go with their loader.
TEST_F(LsmLife, WithoutItsPinsTheLoadersDeathOpens) {
  const WaitingChild child = WaitingChild::start(std::chrono::seconds(20));
  label_and_die(child);
  std::filesystem::remove_all("/sys/fs/bpf/yett");
  const int result = child.finish();
  EXPECT_TRUE(result == 0 || result == ENOENT) << result;  // ENOENT: there is no program any more
  EXPECT_TRUE(open_lsm_programs()) << "loaded anew";
}

std::uint64_t count_policies(const LsmMaps& maps) {
  std::uint64_t count = 0;
  std::uint32_t key = 0;
  std::uint32_t next = 0;
  for (const void* previous = nullptr;
       bpf_map_get_next_key(maps.policies.get(), previous, &next) == 0; previous = &key) {
    key = next;
    ++count;
  }
  return count;
}

TEST_F(LsmLife, FullMapsAreSweptAndElseSaidToBeFull) {
  auto maps = open_lsm_programs();
  ASSERT_TRUE(maps) << maps.error().message();
  maps->lock.reset();
  const auto fill = [&maps](std::uint32_t owner, std::uint64_t start) {
    yett_policy policy{};
    policy.magic = YETT_POLICY_MAGIC;
    policy.owner_pid = owner;
    policy.owner_start = start;
    for (std::uint32_t id = 1000; id < 20000; ++id)
      if (bpf_map_update_elem(maps->policies.get(), &id, &policy, BPF_ANY) != 0) return;
  };
  fill(0x7fffffff, 1);
  EXPECT_TRUE(KernelPlanes::make(labelled_sandbox(), BorrowedFd()));  // the dead made room
  EXPECT_EQ(count_policies(*maps), 1U);                               // the canary's
  unsigned long long start = 0;
  if (FILE* stat = std::fopen("/proc/1/stat", "r")) {
    EXPECT_EQ(std::fscanf(stat,
                          "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
                          "%*d %*d %*d %*d %*d %*d %llu",
                          &start),
              1);
    std::fclose(stat);
  }
  fill(1, start);
  const auto refused = KernelPlanes::make(labelled_sandbox(), BorrowedFd());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::exhausted);
  for (std::uint32_t id = 1000; id < 20000; ++id) bpf_map_delete_elem(maps->policies.get(), &id);
}

// Killed supervisors leave their event rings claimed: the next sandbox takes them back, else its
// refusals would be counted and not told.
TEST_F(LsmLife, RingsOfTheDeadAreTakenBack) {
  auto maps = open_lsm_programs();
  ASSERT_TRUE(maps) << maps.error().message();
  maps->lock.reset();
  const std::uint32_t dead = 1000;
  for (std::uint32_t slot = 0; slot < YETT_EVENT_SLOTS; ++slot)
    ASSERT_EQ(bpf_map_update_elem(maps->slots.get(), &slot, &dead, BPF_NOEXIST), 0);
  const auto planes = KernelPlanes::make(labelled_sandbox(), BorrowedFd());
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_TRUE(planes->events().valid());
}

TEST_F(LsmLife, AnEntryLeavesNothingBehind) {
  auto maps = open_lsm_programs();
  ASSERT_TRUE(maps) << maps.error().message();
  maps->lock.reset();
  SandboxPlan plan = labelled_sandbox();
  plan.lsm.write = {path_rule(directory())};
  plan.lsm.connect = {endpoint_rule(EndpointScheme::tcp, "*", 0, 443)};
  EXPECT_EQ(run_labelled(plan.lsm, [] { return 0; }).result, 0);
  for (const UniqueFd* map : {&maps->roots, &maps->endpoints, &maps->slots, &maps->counters}) {
    std::array<std::byte, 64> key{};
    EXPECT_NE(bpf_map_get_next_key(map->get(), nullptr, key.data()), 0);
  }
  EXPECT_EQ(count_policies(*maps), 1U);
}

// SECURITY: pins_are_private.
TEST_F(LsmLife, PinsAreRootsAlone) {
  ASSERT_TRUE(open_lsm_programs());
  struct stat info{};
  ASSERT_EQ(::stat("/sys/fs/bpf/yett", &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
  ASSERT_EQ(::chmod("/sys/fs/bpf/yett", 0755), 0);
  EXPECT_FALSE(open_lsm_programs());
  ASSERT_EQ(::chmod("/sys/fs/bpf/yett", 0700), 0);
  EXPECT_TRUE(open_lsm_programs());
}

TEST_F(LsmLife, EveryHookThatMattersIsThere) {
  const auto hooks = list_lsm_hooks();
  ASSERT_TRUE(hooks) << hooks.error().message();
  EXPECT_GE(hooks->attached.size(), 45U);
  EXPECT_EQ(hooks->attached.size() + hooks->absent.size(), 50U);
}

}  // namespace
}  // namespace yett::test
