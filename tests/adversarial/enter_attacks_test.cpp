// What comes into a sandbox and is not held as it should be does not begin; and whoever dies while
// somebody comes in leaves nothing. The library's own steps, with one left out or put in: libyett
// itself leaves none out.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ioctl_uapi/receive_fds.hpp"
#include "libyett/enter.h"
#include "tests/adversarial/asking_stranger.hpp"
#include "tests/adversarial/daemon_remains.hpp"
#include "tests/adversarial/enter_fixture.hpp"

namespace yett::test {
namespace {

// A child's memory is a copy of this program's: what steps work with.
int begun = -1;                   // the function says that it runs
std::array<int, 2> gate{-1, -1};  // a step says that it is there, and waits
int other = -1;                   // a pidfd, or a listener

struct Steps {
  std::vector<enter_step> join;
  std::vector<enter_step> inside;
};

std::vector<enter_step> list_of(const enter_step* steps) {
  std::vector<enter_step> list;
  for (; *steps != nullptr; ++steps) list.push_back(*steps);
  return list;
}

Steps own_steps() {
  return {.join = list_of(kEnterSteps.join), .inside = list_of(kEnterSteps.inside)};
}

Steps without(enter_step left_out) {
  Steps steps = own_steps();
  std::erase(steps.join, left_out);
  std::erase(steps.inside, left_out);
  return steps;
}

Steps replace(enter_step one, enter_step with) {
  Steps steps = own_steps();
  std::ranges::replace(steps.join, one, with);
  std::ranges::replace(steps.inside, one, with);
  return steps;
}

// Before one of `inside`.
Steps with_more(enter_step more, enter_step before) {
  Steps steps = own_steps();
  steps.inside.insert(std::ranges::find(steps.inside, before), more);
  return steps;
}

struct Came {
  int result = 0;
  int status = -1;  // of the function's process
  std::string problem;
  bool has_begun = false;
};

Came come_in(yett_host* host, int sandbox, Steps steps, std::vector<int> kept = {}) {
  OutputPipe out;
  begun = out.writer();
  kept.push_back(begun);
  steps.join.push_back(nullptr);
  steps.inside.push_back(nullptr);
  const enter_steps given{.join = steps.join.data(), .inside = steps.inside.data()};
  yett_function request{};
  request.size = sizeof request;
  request.sandbox = sandbox;
  request.kept = kept.data();
  request.kept_count = kept.size();
  yett_entered entered{};
  entered.size = sizeof entered;
  const auto work = [](void*) { return ::write(begun, "", 1) == 1 ? 9 : 1; };
  Came came;
  came.result = enter_by(host, &request, work, nullptr, &entered, &given);
  came.problem = static_cast<const char*>(entered.problem);
  if (came.result == 0 && ::waitpid(entered.app_pid, &came.status, 0) > 0)
    came.status = outcome_of(came.status);
  came.has_begun = !out.read_all().empty();
  return came;
}

class EnterAttacks : public EnterFixture {
 protected:
  void SetUp() override {
    EnterFixture::SetUp();
    if (host_) sandbox_.emplace(*host_, "cold");
  }
  void TearDown() override {
    // The twin of them all: with the library's own steps it begins.
    const Came came = come_in(host_->get(), sandbox_->number(), own_steps());
    EXPECT_EQ(came.result, 0) << came.problem;
    EXPECT_EQ(came.status, 9);
    EXPECT_TRUE(came.has_begun);
    EXPECT_TRUE(is_idle());
    sandbox_.reset();
    EnterFixture::TearDown();
  }
  // It does not begin, for that reason, and nothing of it is left.
  void expect_refused(const Steps& steps, const std::string& why,
                      const std::vector<int>& kept = {}) const {
    const Came came = come_in(host_->get(), sandbox_->number(), steps, kept);
    EXPECT_EQ(came.result, -EACCES) << came.problem;
    EXPECT_NE(came.problem.find(why), std::string::npos) << came.problem;
    EXPECT_FALSE(came.has_begun);
    EXPECT_TRUE(is_idle());
  }

  std::optional<Sandbox> sandbox_;
};

// ---- what would not be held ----

// SECURITY(entered-status) SECURITY(entered-namespaces) SECURITY(entered-cgroup)
// SECURITY(entered-limits)
TEST_F(EnterAttacks, EachStepIsMissedWhereItIsLeftOut) {
  expect_refused(without(enter_cgroups), "cgroup");
  expect_refused(without(enter_limits), "limits");
  Steps outside = without(enter_namespaces);
  std::erase(outside.inside, &enter_capabilities);  // outside, the change of ids has taken them
  expect_refused(outside, "nobody has come");
  expect_refused(without(enter_session), "session");
  expect_refused(without(enter_identity), "id is ");
  expect_refused(without(enter_capabilities), "Cap");
  expect_refused(without(enter_directory), "directory");
}

int join_all_but_network(struct entering* entering) {
  constexpr int kMost =
      CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  return ::setns(entering->init, kMost) == 0 ? 0 : errno;
}
// The directory is the same, and what is above it is not.
int come_by_another_mount(struct entering* entering) {
  constexpr int kRest =
      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  if (::setns(entering->init, CLONE_NEWNS) != 0) return errno;
  const UniqueFd tree(static_cast<int>(
      ::syscall(SYS_open_tree, entering->directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE)));
  if (::dup2(tree.get(), entering->directory) < 0) return errno;
  return ::setns(entering->init, kRest) == 0 ? 0 : errno;
}
int take_a_group(struct entering*) {
  const gid_t group = 12345;
  return ::syscall(SYS_setgroups, 1, &group) == 0 ? 0 : errno;
}
int open_a_directory(struct entering*) {
  return ::open("/", O_PATH | O_DIRECTORY) >= 0 ? 0 : errno;
}
int forget_umask(struct entering*) {
  ::umask(0);
  return 0;
}
int fork_first(struct entering*) {
  const pid_t child = ::fork();
  if (child == 0) ::pause();
  return child > 0 ? 0 : errno;
}
int keep_a_cgroup_file(struct entering* entering) {
  int& last = entering->kept[entering->kept_count];
  last = entering->kept[entering->kept_count - 1] + 1;
  ++entering->kept_count;
  return ::dup2(entering->doors[0], last) == last ? 0 : errno;
}
int keep_the_listener(struct entering* entering) {
  ::close(entering->line);
  ::close(entering->report);
  return 0;
}
int share_a_thread(struct entering*) {
  alignas(16) static std::array<char, 65536> stack;
  const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  return ::clone([](void*) { return ::pause(); }, stack.data() + stack.size(), flags, nullptr) > 0
             ? 0
             : errno;
}

// SECURITY(entered-descriptors) SECURITY(entered-alone)
TEST_F(EnterAttacks, WhatWouldBeAWayOutIsFound) {
  expect_refused(replace(enter_namespaces, join_all_but_network), "ns/net");
  expect_refused(replace(enter_namespaces, come_by_another_mount), "another directory");
  expect_refused(replace(enter_drop_groups, take_a_group), "Groups");
  expect_refused(with_more(forget_umask, enter_filter), "Umask");
  expect_refused(with_more(open_a_directory, enter_filter), "is a directory");
  expect_refused(with_more(keep_a_cgroup_file, enter_descriptors), "a cgroup's");
  expect_refused(with_more(fork_first, enter_filter), "more than one");
  expect_refused(with_more(fork_first, enter_close_own), "more than one");
  expect_refused(with_more(share_a_thread, enter_filter), "Threads");
  expect_refused(replace(enter_close_own, keep_the_listener), "listener");
}

int be_nicer(struct entering*) { return ::setpriority(PRIO_PROCESS, 0, -5) == 0 ? 0 : errno; }
// More is what everybody may ask for.
int take_another_oom_score(struct entering*) {
  const UniqueFd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  return ::write(file.get(), "789", 3) == 3 ? 0 : errno;
}
int be_first(struct entering*) {
  constexpr int kOfProcess = 1;  // linux/ioprio.h is no C++
  constexpr int kRealTime = 1 << 13;
  return ::syscall(SYS_ioprio_set, kOfProcess, 0, kRealTime) == 0 ? 0 : errno;
}
int be_real_time(struct entering*) {
  const sched_param least{.sched_priority = 1};
  return ::sched_setscheduler(0, SCHED_RR, &least) == 0 ? 0 : errno;
}
// Some hosts have no time for real-time processes.
bool can_be_real_time() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(be_real_time(nullptr));
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

// SECURITY(entered-standing): beyond the processor's and the memory's limits.
TEST_F(EnterAttacks, WhoStandsBetterIsFound) {
  expect_refused(replace(enter_standing, be_nicer), "nice");
  expect_refused(replace(enter_standing, take_another_oom_score), "oom_score_adj");
  expect_refused(replace(enter_standing, be_first), "I/O priority");
  if (can_be_real_time()) expect_refused(replace(enter_standing, be_real_time), "ordinary");
}

// The kernel itself refuses Landlock's rules and a filter without no_new_privs.
TEST_F(EnterAttacks, NoFilterComesBeforeNoNewPrivileges) {
  const Came came = come_in(host_->get(), sandbox_->number(), without(enter_no_new_privileges));
  EXPECT_TRUE(came.result == -EPERM || came.result == -EACCES) << came.result;
  EXPECT_FALSE(came.has_begun);
  EXPECT_TRUE(is_idle());
}

// ---- what is another's ----

// Into the sandbox of another PID 1, with everything else as it should be.
int join_other(struct entering* entering) {
  entering->init = other;
  return enter_namespaces(entering);
}

TEST_F(EnterAttacks, AnotherSandboxIsNotThisOne) {
  const Function there(*host_, *sandbox_, [] { return ::pause(); });
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, there.entered().guard_pid, 0)));
  other = pidfd.get();
  const Came came =
      come_in(host_->get(), sandbox_->number(), replace(enter_namespaces, join_other), {other});
  EXPECT_EQ(came.result, -EACCES);
  EXPECT_NE(came.problem.find("nobody has come"), std::string::npos) << came.problem;
  EXPECT_FALSE(came.has_begun);
}

int wait_for_the_end(struct entering*) {
  ::poll(nullptr, 0, 60'000);
  return EACCES;
}

int give_others_listener(struct entering* entering) {
  ::close(entering->listener);
  entering->listener = other;
  return enter_give_listener(entering);
}

// SECURITY(enter-wish)
TEST_F(EnterAttacks, AnothersListenerIsNotItsOwn) {
  const AskingStranger stranger;
  ASSERT_GE(stranger.listener(), 0);
  other = stranger.listener();
  Steps steps = replace(enter_give_listener, give_others_listener);
  std::ranges::replace(steps.inside, &enter_ask, &wait_for_the_end);
  expect_refused(steps, "another process's", {other});
}

int give_no_listener(struct entering* entering) {
  ::close(entering->listener);
  entering->listener = begun;
  return enter_give_listener(entering);
}

// SECURITY(enter-listener)
TEST_F(EnterAttacks, WhatIsNoListenerIsNotAskedForCalls) {
  const Came came =
      come_in(host_->get(), sandbox_->number(), replace(enter_give_listener, give_no_listener));
  EXPECT_EQ(came.result, -EPROTO) << came.problem;
  EXPECT_FALSE(came.has_begun);
}

// SECURITY(enter-sealed) What is offered cannot be changed by who has it; who does not come in
// keeps nothing.
TEST_F(EnterAttacks, TheFilterThatIsOfferedIsSealed) {
  DaemonClient client(daemon_->socket());
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd ours(ends[0]);
  std::string none;
  const auto sandbox = static_cast<std::uint64_t>(client.make_sandbox("cold"));
  const int program = client.ask(YETT_ENTER, sandbox, none, {ends[1]});
  ::close(ends[1]);
  ASSERT_GT(program, 0);
  yett_entrance offer{};
  std::array<int, 4> given{};
  ASSERT_EQ(receive_frame(ours.get(), &offer, sizeof offer, given), 0);
  const UniqueFd init(given[0]);
  const UniqueFd filter(given[1]);
  const UniqueFd directory(given[2]);
  ASSERT_EQ(offer.kind, static_cast<unsigned>(YETT_ENTRANCE_OFFER));
  EXPECT_GT(offer.filter_length, 0U);
  EXPECT_EQ(::fcntl(filter.get(), F_GET_SEALS),
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  EXPECT_LT(::pwrite(filter.get(), "", 1, 0), 0);
}

// ---- deaths ----

int stop_at_gate(struct entering*) {
  char byte = 0;
  if (::write(gate[1], "", 1) != 1) return errno;
  return ::read(gate[1], &byte, 1) >= 0 ? 0 : errno;  // until whoever has the other end is done
}

int die(struct entering*) { ::_exit(3); }

// One list for each place between two steps.
std::vector<Steps> at_each_place(enter_step more) {
  std::vector<Steps> all;
  for (auto list : {&Steps::join, &Steps::inside}) {
    const std::size_t count = (own_steps().*list).size();
    for (std::size_t i = 0; i <= count; ++i) {
      Steps steps = own_steps();
      (steps.*list).insert((steps.*list).begin() + static_cast<std::ptrdiff_t>(i), more);
      all.push_back(std::move(steps));
    }
  }
  return all;
}

TEST_F(EnterAttacks, WhoDiesComingInLeavesNothing) {
  for (const Steps& steps : at_each_place(die)) {
    const Came came = come_in(host_->get(), sandbox_->number(), steps);
    EXPECT_TRUE(came.result < 0 || came.status == 3) << came.result;
    EXPECT_FALSE(came.has_begun);
    EXPECT_TRUE(is_idle());
  }
}

// The child that joins dies where it would tell of the other one.
int die_of_telling(struct entering*) {
  return filter_one_call(SYS_write, SECCOMP_RET_KILL_PROCESS, 0) == 0 ? 0 : errno;
}

TEST_F(EnterAttacks, WhoIsNotToldOfIsWaitedFor) {
  Steps steps = own_steps();
  steps.join.push_back(die_of_telling);
  const Came came = come_in(host_->get(), sandbox_->number(), steps);
  EXPECT_EQ(came.result, -ESRCH);
  EXPECT_FALSE(came.has_begun);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), 0);  // yettd runs, and nobody else is there
}

class Gate {
 public:
  Gate() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate.data()) != 0) std::abort();
    ours_.reset(gate[0]);
    theirs_.reset(gate[1]);
  }
  // In the test's own process: the application has the other end.
  void leave() { theirs_.reset(); }
  // Somebody stands there.
  [[nodiscard]] bool is_reached() const {
    char byte = 0;
    return is_readable(ours_.get()) && ::read(ours_.get(), &byte, 1) == 1;
  }
  void open() { ::shutdown(ours_.get(), SHUT_WR); }
  // Nobody has the other end any more: all who came to it have ended.
  [[nodiscard]] bool is_deserted() const {
    char byte = 0;
    return is_readable(ours_.get()) && ::read(ours_.get(), &byte, 1) == 0;
  }

 private:
  UniqueFd ours_;
  UniqueFd theirs_;
};

// An application of its own, that comes in by these steps: its exit status is 0 where it succeeds.
pid_t start_application(const std::string& socket, const Steps& steps) {
  const pid_t application = ::fork();
  if (application != 0) return application;
  yett_host* own = nullptr;
  if (yett_connect(socket.c_str(), &own) != 0) ::_exit(2);
  yett_set_patience(own, 60'000);
  const Came came = come_in(own, yett_create(own, "cold"), steps, {gate[1]});
  ::_exit(came.result == 0 && came.status == 9 ? 0 : 1);
}

TEST_F(EnterAttacks, AnApplicationThatDiesMeanwhileLeavesNothing) {
  std::vector<Steps> places = at_each_place(stop_at_gate);
  places.erase(places.begin());  // before its first step, the child has the connection, too
  for (const Steps& steps : places) {
    Gate own;
    const pid_t application = start_application(daemon_->socket(), steps);
    own.leave();
    ASSERT_TRUE(own.is_reached());
    ::kill(application, SIGKILL);
    int status = 0;
    ::waitpid(application, &status, 0);
    EXPECT_TRUE(is_idle());
    own.open();
    EXPECT_TRUE(own.is_deserted());
  }
  // The twin: who lives comes in from every place.
  for (const Steps& steps : at_each_place(stop_at_gate)) {
    Gate own;
    const pid_t application = start_application(daemon_->socket(), steps);
    own.leave();
    ASSERT_TRUE(own.is_reached());
    own.open();
    int status = 0;
    ::waitpid(application, &status, 0);
    EXPECT_EQ(outcome_of(status), 0);
  }
}

// The supervisor, and PID 1 with it.
TEST_F(EnterAttacks, ASupervisorThatDiesMeanwhileLeavesNothing) {
  const std::vector<int> starter = children_of(daemon_->pid());
  ASSERT_EQ(starter.size(), 1U);
  ASSERT_TRUE(is_pool_full("warm", 2));
  const std::vector<int> waiting = children_of(starter[0]);
  for (const Steps& steps : at_each_place(stop_at_gate)) {
    Gate own;
    const pid_t application = start_application(daemon_->socket(), steps);
    own.leave();
    ASSERT_TRUE(own.is_reached());
    for (const int each : children_of(starter[0]))
      if (std::ranges::find(waiting, each) == waiting.end()) ::kill(each, SIGKILL);
    EXPECT_TRUE(is_idle());
    own.open();
    int status = 0;
    ::waitpid(application, &status, 0);
    EXPECT_EQ(outcome_of(status), 1);
    EXPECT_TRUE(own.is_deserted());
  }
}

}  // namespace
}  // namespace yett::test
