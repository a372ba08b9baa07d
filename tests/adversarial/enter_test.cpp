// Functions of an application inside: each is held by what holds a program of the same template, is
// the application's child, and leaves nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "tests/adversarial/daemon_parties.hpp"
#include "tests/adversarial/daemon_remains.hpp"
#include "tests/adversarial/enter_fixture.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/adversarial/posture.hpp"
#include "tests/support/ordinary_user.hpp"

namespace yett::test {
namespace {

class Enter : public EnterFixture {
 protected:
  // What the function wrote; its status is told first.
  std::string say(const std::string& name, const std::function<int(int writer)>& work) const {
    OutputPipe out;
    const Sandbox sandbox(*host_, name);
    const int writer = out.writer();
    Function function(*host_, sandbox, [work, writer] { return work(writer); }, {writer});
    std::string text = out.read_all();
    return std::to_string(outcome_of(function.wait())) + "\n" + text;
  }
  // A program of that template.
  std::string run(const std::string& name, const std::string& script) const {
    OutputPipe out;
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Sandbox sandbox(*host_, name);
    const int program =
        sandbox.start({"/bin/sh", "-c", script}, {nothing.get(), out.writer(), out.writer()});
    std::string text = out.read_all();
    return std::to_string(host_->wait(program, kPatience).value_or(-1)) + "\n" + text;
  }
};

// Becomes the same program as run() above, by itself.
int execute(const std::string& script, int writer) {
  const std::array<const char*, 4> words{"sh", "-c", script.c_str(), nullptr};
  const std::array<const char*, 6> environment{
      "SAID=once",      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME=/home/app", "USER=app",
      "LANG=C.UTF-8",   nullptr};
  ::dup2(writer, 1);
  ::dup2(writer, 2);
  ::close(writer);
  ::execve("/bin/sh", const_cast<char**>(words.data()), const_cast<char**>(environment.data()));
  return 1;
}

TEST_F(Enter, TheCallersChildIsInsideAndItsEndIsHeardOf) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  OutputPipe out;
  const Sandbox sandbox(*host_, "warm");
  host_->watch();
  const int writer = out.writer();
  const auto work = [writer] {
    const std::array<int, 4> facts{::getpid() == 1 ? 1 : 0, ::getppid(),
                                   static_cast<int>(::getuid()), static_cast<int>(::getgid())};
    return ::write(writer, facts.data(), sizeof facts) == sizeof facts ? 7 : 1;
  };
  ASSERT_TRUE(is_pool_full("warm", 2));
  Function function(*host_, sandbox, work, {writer});
  const yett_entered entered = function.entered();
  const std::string told = out.read_all();
  std::array<int, 4> facts{};
  ASSERT_EQ(told.size(), sizeof facts);
  std::memcpy(facts.data(), told.data(), sizeof facts);
  EXPECT_EQ(facts, (std::array<int, 4>{0, 0, 1000, 1000}));
  EXPECT_GT(entered.guard_pid, 0);
  EXPECT_STREQ(static_cast<const char*>(entered.problem), "");
  // SIGCHLD comes to the caller, who alone knows how it has ended.
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(entered.app_pid), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(::sigwaitinfo(&child, &info), SIGCHLD);
  EXPECT_EQ(outcome_of(function.wait()), 7);
  EXPECT_EQ(daemon_->metric("yettd_starts_total{from=\"pool\"}"), 1);
  yett_event ended{};
  while (ended.kind != YETT_EVENT_ENDED) ended = host_->next_event(kPatience).value();
  EXPECT_EQ(ended.program, entered.program);
  EXPECT_STREQ(static_cast<const char*>(ended.text), "function_ended");
  ::sigprocmask(SIG_UNBLOCK, &child, nullptr);
}

// An application that stands otherwise than yettd.
class OtherStanding {
 public:
  OtherStanding() : nice_(::getpriority(PRIO_PROCESS, 0)) {
    std::ifstream(kScore) >> score_;
    stand(nice_ + 5, score_ + 300);
  }
  OtherStanding(const OtherStanding&) = delete;
  OtherStanding& operator=(const OtherStanding&) = delete;
  ~OtherStanding() { stand(nice_, score_); }

 private:
  static constexpr const char* kScore = "/proc/self/oom_score_adj";
  static void stand(int nice, int score) {
    EXPECT_EQ(::setpriority(PRIO_PROCESS, 0, nice), 0);
    std::ofstream(kScore) << score;
  }
  int nice_;
  int score_ = 0;
};

// The posture, of a function that executes the program that yett_start() begins.
TEST_F(Enter, NothingTellsItFromAProgramOfTheSameTemplate) {
  ASSERT_TRUE(is_pool_full("warm", 2));
  const OtherStanding worse;
  const std::string script = kAwaitInit + kPosture;
  const auto work = [&script](int writer) { return execute(script, writer); };
  const std::string program = posture(run("cold", script));
  EXPECT_NE(program.find("SAID=once"), std::string::npos) << program;
  EXPECT_NE(program.find("Seccomp_filters:\t1"), std::string::npos) << program;
  EXPECT_EQ(posture(say("cold", work)), program);
  EXPECT_EQ(posture(say("warm", work)), program);
  // The twin: another template is told from it.
  EXPECT_NE(posture(say("brief", work)), program);
}

// The policy holds the function itself, and what its supervisor answers comes to its memory.
TEST_F(Enter, TheFilterAndTheSupervisorHoldIt) {
  const auto work = [](int writer) {
    struct sysinfo machine{};
    const bool is_limited =
        ::sysinfo(&machine) == 0 && machine.totalram * machine.mem_unit == 64ULL << 20;
    const bool is_refused = ::unshare(CLONE_NEWUSER) == -1 && errno == EPERM;
    const bool is_cut_off = ::socket(AF_INET, SOCK_STREAM, 0) < 0 || ::access("/etc/shadow", R_OK);
    const bool is_hidden = ::open("/dev/mem", O_RDONLY) < 0 && ::kill(1, SIGKILL) != 0;
    ::dprintf(writer, "%d%d%d%d", is_limited, is_refused, is_cut_off, is_hidden);
    return 0;
  };
  EXPECT_EQ(say("cold", work), "0\n1111");
}

// Its memory is the application's, as fork(2) leaves it: allocations, and threads of its own.
TEST_F(Enter, ItAllocatesAndMakesThreads) {
  std::atomic<bool> over = false;
  std::thread other([&over] {
    while (!over) ::free(::malloc(1000));  // NOLINT: the C library's locks are taken and left
  });
  const auto work = [](int writer) {
    std::string text(100'000, 'x');
    std::thread([&text] { text += std::to_string(text.size()); }).join();
    ::dprintf(writer, "%s", text.substr(100'000).c_str());
    return 3;
  };
  EXPECT_EQ(say("cold", work), "3\n100000");
  over = true;
  other.join();
}

// It would go on in what the application does about it.
TEST_F(Enter, AnExceptionDoesNotLeaveIt) {
  const Sandbox sandbox(*host_, "cold");
  try {
    Function function(*host_, sandbox, []() -> int { throw std::runtime_error("inside"); });
    EXPECT_EQ(outcome_of(function.wait()), 1000 + SIGABRT);
  } catch (const std::runtime_error&) {
    ::_exit(42);
  }
}

TEST_F(Enter, NothingIsOpenButWhatWasKept) {
  const UniqueFd secret(::open("/etc/passwd", O_RDONLY));
  const auto work = [](int writer) {
    for (int fd = 0; fd < 1024; ++fd)
      if (::fcntl(fd, F_GETFD) >= 0) ::dprintf(writer, fd == writer ? "kept " : "%d ", fd);
    return 0;
  };
  EXPECT_EQ(say("cold", work), "0\n0 1 2 kept ");
}

TEST_F(Enter, WhoKillsItsGuardKillsIt) {
  const Sandbox sandbox(*host_, "cold");
  host_->watch();
  Function function(*host_, sandbox, [] { return ::pause(); });
  const yett_entered entered = function.entered();
  const yett_event started = host_->next_event(kPatience).value();  // yettd may hear of it later
  EXPECT_EQ(started.kind, YETT_EVENT_STARTED);
  EXPECT_EQ(started.status, entered.guard_pid);
  const yett_program_info told = host_->stats(entered.program);
  EXPECT_EQ(told.memory_limit, 64U << 20);
  EXPECT_EQ(told.app_pid, entered.app_pid);
  ASSERT_EQ(yett_kill_guard(entered.guard_name), 0);
  EXPECT_EQ(outcome_of(function.wait()), 1000 + SIGKILL);
  EXPECT_EQ(host_->wait(entered.program, kPatience), 128 + SIGKILL);
  EXPECT_TRUE(is_idle());
}

TEST_F(Enter, ItIsEndedAsProgramsAre) {
  const Sandbox sandbox(*host_, "cold");
  Function signalled(*host_, sandbox, [] { return ::pause(); });
  host_->kill(signalled.entered().program, SIGTERM);
  EXPECT_EQ(outcome_of(signalled.wait()), 1000 + SIGTERM);
  const Sandbox brief(*host_, "brief");
  Function late(*host_, brief, [] { return ::pause(); });
  EXPECT_EQ(outcome_of(late.wait()), 1000 + SIGKILL);
  std::optional<Sandbox> removed(std::in_place, *host_, "cold");
  Function gone(*host_, *removed, [] { return ::pause(); });
  removed.reset();
  EXPECT_EQ(outcome_of(gone.wait()), 1000 + SIGKILL);
  // What it has begun ends with it, as with a program.
  OutputPipe out;
  const int writer = out.writer();
  Function parent(*host_, sandbox,
                  [] {
                    if (::fork() == 0) ::pause();
                    return 5;
                  },
                  {writer});
  EXPECT_EQ(out.read_all(), "");
  EXPECT_EQ(outcome_of(parent.wait()), 5);
}

// Within a minute.
bool is_soon(const std::function<bool()>& is_so) {
  for (int i = 0; i < 6000; ++i) {
    if (is_so()) return true;
    ::usleep(10'000);
  }
  return false;
}

// Its zombie keeps PID 1, but neither the supervisor nor the cgroups.
TEST_F(Enter, WhoDoesNotWaitKeepsNothingElse) {
  const Sandbox sandbox(*host_, "cold");
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const auto work = [&reader] {
    char byte = 0;
    return ::read(reader.get(), &byte, 1) == 0 ? 3 : 1;
  };
  Function function(*host_, sandbox, work, {reader.get()});
  const int guard = function.entered().guard_pid;
  std::set<std::string> cgroups;
  add_cgroups(guard, cgroups);
  EXPECT_FALSE(cgroups.empty());
  writer.reset();
  EXPECT_EQ(host_->wait(function.entered().program, kPatience), 0);
  EXPECT_TRUE(is_idle());
  for (const std::string& each : cgroups)
    EXPECT_TRUE(is_soon([&each] { return !std::filesystem::exists(each); })) << each;
  EXPECT_TRUE(lives(guard));
  EXPECT_EQ(outcome_of(function.wait()), 3);
  EXPECT_TRUE(is_soon([guard] { return !lives(guard); }));
}

// An application that dies takes its functions with it.
TEST_F(Enter, ItEndsWithItsApplication) {
  OutputPipe out;
  const int writer = out.writer();
  const pid_t application = ::fork();
  if (application == 0) {
    Host own(daemon_->socket());
    yett_set_patience(own.get(), 60'000);
    const Sandbox sandbox(own, "cold");
    const Function function(own, sandbox, [] { return ::pause(); }, {writer});
    const int pid = function.entered().app_pid;
    if (::write(writer, &pid, sizeof pid) == sizeof pid) ::pause();
    ::_exit(1);
  }
  int pid = 0;
  const std::string told = out.read_some();
  ASSERT_EQ(told.size(), sizeof pid);
  std::memcpy(&pid, told.data(), sizeof pid);
  EXPECT_TRUE(lives(pid));
  ::kill(application, SIGKILL);
  ::waitpid(application, nullptr, 0);
  EXPECT_EQ(out.read_all(), "");  // the function held the other end
  EXPECT_TRUE(is_idle());
}

int enter(yett_host* host, int sandbox, const std::vector<int>& kept = {},
          std::size_t size = sizeof(yett_function)) {
  yett_function request{};
  request.size = size;
  request.sandbox = sandbox;
  request.kept = kept.data();
  request.kept_count = kept.size();
  yett_entered entered{};
  entered.size = sizeof entered;
  const int result = yett_enter(host, &request, [](void*) { return 0; }, nullptr, &entered);
  if (result == 0) ::waitpid(entered.app_pid, nullptr, 0);
  return result;
}

// Of this process's descriptors. -1: none.
int connection_to(const std::string& path) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_un peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        path == static_cast<const char*>(peer.sun_path))
      return fd;
  }
  return -1;
}

// SECURITY(enter-held): without a filter nothing could hold it until it is looked at.
TEST_F(Enter, ErrorsAreTold) {
  const Sandbox sandbox(*host_, "cold");
  const Sandbox bare(*host_, "bare");
  const UniqueFd directory(::open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const int good = sandbox.number();
  EXPECT_EQ(enter(host_->get(), good, {}, 4), -EINVAL);
  EXPECT_EQ(enter(host_->get(), good, {1023}), -EBADF);
  const UniqueFd connection(::dup(connection_to(daemon_->socket())));
  ASSERT_TRUE(connection.valid());
  EXPECT_EQ(enter(host_->get(), good, {connection.get()}), -EINVAL);
  EXPECT_EQ(enter(host_->get(), good, {directory.get()}), -EISDIR);
  EXPECT_EQ(enter(host_->get(), good, std::vector<int>(65, 1)), -E2BIG);
  EXPECT_EQ(enter(host_->get(), 999), -ENOENT);
  EXPECT_EQ(enter(host_->get(), bare.number()), -EOPNOTSUPP);
  EXPECT_EQ(enter(host_->get(), good), 0);
  EXPECT_TRUE(is_idle());
}

// SECURITY(enter-root)
TEST_F(Enter, AnotherUserIsNotAnswered) {
  const auto results = as_user(kOrdinaryUser, [this]() -> std::vector<int> {
    yett_host* own = nullptr;
    if (yett_connect(daemon_->socket().c_str(), &own) != 0) return {};
    const int sandbox = yett_create(own, "warm");
    return {sandbox, enter(own, sandbox)};
  });
  EXPECT_EQ(results, (std::vector<int>{1, -EPERM}));
  const Sandbox sandbox(*host_, "warm");
  EXPECT_EQ(enter(host_->get(), sandbox.number()), 0);
}

}  // namespace
}  // namespace yett::test
