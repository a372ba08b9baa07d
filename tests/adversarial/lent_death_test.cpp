// Lent sockets and the supervisor's death: killed or stopped before and after each call by which it
// lends a socket, lets one listen or answers for a name. Then nothing has been reached or listened
// at that no rule allows, and within a second all is gone. YETT_LONG=1: twenty times each.
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/unique_fd.hpp"
#include "tests/adversarial/death_fixture.hpp"
#include "tests/adversarial/moments.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint16_t kOpen = 7001;
constexpr std::uint16_t kOther = 7002;
constexpr std::uint16_t kListen = 7003;

// Of lending, after the first socket was asked for.
constexpr std::array kLending{Moment{"RECV", SYS_ioctl, SECCOMP_IOCTL_NOTIF_RECV},
                              Moment{"a request to the maker", SYS_sendmsg, 0},
                              Moment{"the maker's reply", SYS_recvmsg, 0},
                              Moment{"ADDFD", SYS_ioctl, SECCOMP_IOCTL_NOTIF_ADDFD},
                              Moment{"SEND", SYS_ioctl, SECCOMP_IOCTL_NOTIF_SEND}};
constexpr std::array kListening{Moment{"copying the socket", SYS_pidfd_getfd, 0},
                                Moment{"looking where it is bound", SYS_getsockname, 0},
                                Moment{"listen", SYS_listen, 0}};
constexpr std::array kNaming{Moment{"a question", SYS_recvfrom, 0},
                             Moment{"allowing an address", SYS_bpf, 0, 1},
                             Moment{"an answer", SYS_sendto, 0}};

int serve(int type) {
  const int made = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(kOther);
  EXPECT_EQ(::bind(made, reinterpret_cast<sockaddr*>(&at), sizeof at), 0) << std::strerror(errno);
  if (type == SOCK_STREAM) {
    EXPECT_EQ(::listen(made, 4096), 0);
  }
  return made;
}

// In a network of the test's own, whose name server would otherwise be in the way of the host's.
class LentDeath : public DeathSteps {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &loopback), 0);
  }

  void SetUp() override {
    DeathSteps::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    stream_.reset(serve(SOCK_STREAM));
    packets_.reset(serve(SOCK_DGRAM));
    // Gone with the test's own mount namespace, and before: the host's is looked at afterwards.
    write_file(work() + "/hosts", "127.0.0.5 shop.test\n");
    ASSERT_EQ(::mount((work() + "/hosts").c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr), 0);
    write_file(work() + "/policy.toml",
               "extends = \"plugin\"\n[network]\nmode = \"none\"\nconnect = [\"tcp://127.0.0.1:" +
                   std::to_string(kOpen) + "\", \"tcp://shop.test:80\"]\nlisten = [\"tcp://" +
                   "127.0.0.1:" + std::to_string(kListen) + "\"]\n");
  }
  void TearDown() override {
    ::umount2("/etc/hosts", MNT_DETACH);
    stream_.reset();
    packets_.reset();
    DeathSteps::TearDown();
  }

  static std::vector<std::string> ports() {
    return {"OPEN=" + std::to_string(kOpen), "OTHER=" + std::to_string(kOther),
            "LISTEN=" + std::to_string(kListen)};
  }
  [[nodiscard]] std::vector<std::string> attack() const {
    std::vector<std::string> line{"run", "--policy", work() + "/policy.toml"};
    for (const std::string& port : ports()) line.insert(line.end(), {"-e", port});
    line.insert(line.end(),
                {"-v", kAttackVolume, "-v", volume_ + ":/data", "--", "/attacks/lent_forbidden"});
    return yett_command(std::move(line));
  }
  [[nodiscard]] bool has_told(const char* name) const {
    return ::access((volume_ + "/" + name).c_str(), F_OK) == 0;
  }
  void forget() const {
    std::filesystem::remove(volume_ + "/started");
    std::filesystem::remove(volume_ + "/started_names");
  }

  enum class End { killed, stopped };
  void end_at(const Moment& moment, bool before, int turn, End end) {
    const std::string where = std::string(end == End::killed ? "killed " : "stopped ") +
                              (before ? "before " : "after ") + moment.name + ", " +
                              std::to_string(turn);
    TracedRun run(attack(), Threads::all);
    ASSERT_TRUE(walk_to(run, moment, before, turn, [this] { return has_told("started"); }))
        << where;
    if (end == End::stopped) {
      EXPECT_TRUE(run.stop_supervisor()) << where;
      std::this_thread::sleep_for(milliseconds(20));
    }
    run.kill_supervisor();
    expect_all_gone(where);
  }

  template <typename Moments>
  void end_at_each(const Moments& moments) {
    const bool is_long = std::getenv("YETT_LONG") != nullptr;
    const auto began = std::chrono::steady_clock::now();
    const auto limit = seconds(is_emulated_guest() ? 40 : 3);
    for (int turn = 0; turn < (is_long ? 40 : 8); ++turn)
      for (const Moment& moment : moments)
        for (const bool before : {true, false}) {
          const bool in_time = std::chrono::steady_clock::now() - began < limit;
          const bool is_due = is_long || in_time || (turn == 0 && !is_emulated_guest());
          if (HasFailure() || !is_due) return;
          end_at(moment, before, turn / 2 % moment.most,
                 before == (turn % 2 == 0) ? End::killed : End::stopped);
        }
  }

  UniqueFd stream_;
  UniqueFd packets_;
};

TEST_F(LentDeath, WhileASocketIsLent) { end_at_each(kLending); }
TEST_F(LentDeath, WhileOneBeginsToListen) { end_at_each(kListening); }
TEST_F(LentDeath, WhileANameIsAnswered) { end_at_each(kNaming); }

// Nobody traces it: the signals come at any moment, and after SIGCONT all goes on.
TEST_F(LentDeath, StoppedAtAnyMomentItGoesOnOrDies) {
  const int times = std::getenv("YETT_LONG") != nullptr ? 200 : repeated(10);
  for (int i = 0; i < times && !HasFailure(); ++i) {
    RunningProgram yett(attack(), {});
    const auto has_told_names = [this] { return has_told("started_names"); };
    ASSERT_TRUE(comes_true(has_told_names, milliseconds(1)));
    std::this_thread::sleep_for(std::chrono::microseconds(137 * i));
    for (int stops = 0; stops < 5; ++stops) {
      yett.kill(SIGSTOP);
      std::this_thread::sleep_for(milliseconds(2));
      yett.kill(SIGCONT);
      std::this_thread::sleep_for(std::chrono::microseconds(211 * stops));
    }
    forget();
    if (i % 2 == 0) {
      EXPECT_TRUE(comes_true(has_told_names)) << "continued, it answers again";
    } else {
      yett.kill(SIGSTOP);
      std::this_thread::sleep_for(milliseconds(20));
    }
    yett.kill(SIGKILL);
    yett.wait();
    expect_all_gone("signals, " + std::to_string(i));
  }
}

// The twin: natively every one of those doors is open.
TEST_F(LentDeath, WithoutAGuardItTells) {
  std::vector<std::string> environment = ports();
  environment.emplace_back("ONCE=1");
  const RunResult run =
      run_program({kAttacks + "/lent_forbidden", volume_}, {.environment = environment});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  for (const char* name : {"connected", "listened", "sent"}) EXPECT_TRUE(has_told(name)) << name;
  EXPECT_FALSE(has_told("nothing_given"));
}

}  // namespace
}  // namespace yett::test
