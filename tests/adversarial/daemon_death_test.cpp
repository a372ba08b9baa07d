// yettd dies, or is replaced by another build: its programs go on, with every answer, and the next
// one has them all. Who is no yettd of root's gets none of them.
#include <glob.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <random>
#include <set>

#include "ioctl_uapi/named_socket.hpp"
#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/daemon_parties.hpp"
#include "tests/adversarial/daemon_remains.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr uid_t kAlice = 61'301;
constexpr uid_t kBob = 61'302;
constexpr const char* kDoors = "/run/yett/starter-*";

std::set<std::string> doors() {
  glob_t found{};
  std::set<std::string> names;
  if (::glob(kDoors, 0, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) names.insert(found.gl_pathv[i]);
  ::globfree(&found);
  return names;
}

class DaemonDeath : public DaemonFixture {
 protected:
  void prepare() override {
    others_doors_ = doors();
    // Files that tell the limits take a fanotify group each, of which a user has 128.
    write_file(policy(), "extends = \"plugin\"\n[truth]\nresources = \"host\"\n");
  }
  [[nodiscard]] std::string policy() const { return work() + "/policy.toml"; }
  [[nodiscard]] std::string config() const override { return config_for("60"); }
  [[nodiscard]] std::string config_for(const std::string& time) const {
    const std::string options = "options = [\"--policy\", \"" + policy() +
                                "\", \"-m\", \"64M\", \"-v\", \"" + kAttackVolume + "\"]\n";
    return "users = [61301, 61302]\nadoption_time = " + time +
           "\n[limits]\nsandboxes = 400\nper_user = 200\n"
           "[template.cold]\nusers = [61301, 61302]\n" +
           options + "[template.warm]\npool = 2\n" + options;
  }
  // Of this test's daemons, if no other test's begin meanwhile: the case is a serial one.
  [[nodiscard]] std::set<std::string> own_doors() const {
    std::set<std::string> own;
    std::ranges::set_difference(doors(), others_doors_, std::inserter(own, own.end()));
    return own;
  }
  [[nodiscard]] int starter() const { return children_of(daemon_->pid()).at(0); }
  void TearDown() override {
    DaemonFixture::TearDown();
    EXPECT_TRUE(comes_true([&] { return own_doors().empty(); }));
    EXPECT_TRUE(comes_true([&] { return std::ranges::none_of(guards_, lives); }));
    for (const std::string& each : cgroups_)
      EXPECT_TRUE(comes_true([&] { return !fs::exists(each); })) << each;
  }
  // Begun and in its sandbox; what is known of it.
  yett_program_info note(DaemonClient& client, int program) {
    yett_program_info info{};
    EXPECT_TRUE(comes_true([&] {
      return client.program_info(program, info) == 0 && info.guard_pid != 0 && info.app_pid != 0;
    })) << program;
    guards_.insert(info.guard_pid);
    add_cgroups(info.app_pid, cgroups_);
    return info;
  }
  static int start_answered(DaemonClient& client, Talk& talk, const std::string& how,
                            const std::string& made_of = "cold") {
    const int program = client.start(client.make_sandbox(made_of), {"/attacks/answered", how},
                                     {talk.theirs(), talk.theirs(), 2});
    talk.begun();
    return program;
  }
  // A yettd of another path, as an upgrade brings it.
  [[nodiscard]] std::string copy_of_yettd() const {
    const std::string path = work() + "/yettd";
    const std::string fresh = work() + "/new";
    fs::copy_file(fs::canonical(YETT_BUILD_DIR "/bin/yettd"), fresh,
                  fs::copy_options::overwrite_existing);
    fs::rename(fresh, path);
    return path;
  }

  std::set<int> guards_;
  std::set<std::string> cgroups_;
  std::set<std::string> others_doors_;
};

// The acceptance: under load, at any moment, and by another build.
TEST_F(DaemonDeath, NoneDiesAndNoAnswerIsLost) {
  constexpr int kPrograms = 100;
  std::deque<Talk> talks(kPrograms);
  std::vector<int> programs;
  {
    DaemonClient client(daemon_->socket());
    for (int i = 0; i < kPrograms; ++i)
      programs.push_back(start_answered(client, talks[static_cast<std::size_t>(i)], "20",
                                        i < 4 ? "warm" : "cold"));
    for (const int program : programs) static_cast<void>(note(client, program));
    for (Talk& talk : talks) EXPECT_EQ(talk.next_line(), "ready");
    const std::string copy = copy_of_yettd();
    std::mt19937 random(std::random_device{}());
    for (const std::string& next : {std::string(YETT_BUILD_DIR "/bin/yettd"), copy, copy}) {
      ::usleep(std::uniform_int_distribution<unsigned>(0, 300'000)(random));
      const auto died = Clock::now();
      static_cast<void>(daemon_->die());
      ASSERT_TRUE(daemon_->start(next));
      DaemonClient later(daemon_->socket());
      EXPECT_EQ(later.list(), programs);
      const std::chrono::duration<double, std::milli> took = Clock::now() - died;
      std::printf("%d programs adopted after %.0f ms\n", kPrograms, took.count());
      EXPECT_LT(took.count(), is_emulated_guest() ? 60'000 : 20'000);
      EXPECT_EQ(daemon_->metric("yettd_adopted_total"), kPrograms);
    }
  }
  DaemonClient client(daemon_->socket());
  for (const int program : programs) {
    yett_program_info info{};
    EXPECT_EQ(client.program_info(program, info), 0);
    EXPECT_TRUE(guards_.contains(info.guard_pid));
    EXPECT_GT(info.memory_bytes, 0U);
    EXPECT_EQ(client.take(program), 0);
    EXPECT_EQ(client.signal(program, SIGTERM), 0);
  }
  for (Talk& talk : talks)
    if (const std::string line = talk.next_line(); line.find(" rounds") == std::string::npos)
      ADD_FAILURE() << line;
  for (const int program : programs) EXPECT_EQ(client.wait_for(program), 7);
  // The starters of those that died leave with their last supervisor.
  EXPECT_TRUE(comes_true([&] { return own_doors().size() == 1; }));
}

// While nobody is there, calls are answered, and what was refused is told to who comes.
TEST_F(DaemonDeath, WhatHappensMeanwhileIsTold) {
  Talk talk;
  Talk other;
  int program = 0;
  int gone = 0;
  {
    DaemonClient client(daemon_->socket());
    program = start_answered(client, talk, "lines");
    gone = client.start(client.make_sandbox("cold"), {"sh", "-c", "read word; exit 9"},
                        {other.theirs(), other.theirs(), 2});
    other.begun();
    static_cast<void>(note(client, program));
    static_cast<void>(note(client, gone));
    static_cast<void>(daemon_->die());
    EXPECT_EQ(client.wait_for(program), -ENOLINK);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(talk.say("a line\n"));
    EXPECT_EQ(talk.next_line(), "answered");
  }
  EXPECT_TRUE(other.say("end\n"));
  EXPECT_EQ(other.next_line(), "nothing after \"\"");
  ASSERT_TRUE(daemon_->start());
  DaemonClient client(daemon_->socket());
  yett_program_info info{};
  EXPECT_TRUE(
      comes_true([&] { return client.program_info(program, info) == 0 && info.refusals > 0; }));
  EXPECT_GE(daemon_->metric("yettd_verdicts_total{plane=\"supervisor\",verdict=\"deny\"}"), 1);
  EXPECT_STREQ(static_cast<const char*>(info.made_of), "cold");
  // Numbers are not given twice.
  const int next = client.start(client.make_sandbox("cold"), {"sleep", "100"});
  EXPECT_GT(next, std::max(program, gone));
  EXPECT_EQ(client.take(gone), 0);
  EXPECT_EQ(client.wait_for(gone), 9);
  EXPECT_EQ(client.take(gone), -ENOENT);
}

// SECURITY(daemon-owner): a program without a connection is its user's to take, once.
TEST_F(DaemonDeath, ProgramsAreTheirUsersToTake) {
  int program = 0;
  {
    const UsersConnection alice(kAlice, daemon_->socket(), [](DaemonClient& client) {
      return client.start(client.make_sandbox("cold"), {"sleep", "100"});
    });
    program = alice.program();
    static_cast<void>(daemon_->die());
  }
  ASSERT_GT(program, 0);
  ASSERT_TRUE(daemon_->start());
  const auto look = [&]() -> std::vector<int> {
    DaemonClient client(daemon_->socket());
    return {client.take(program), static_cast<int>(client.list().size())};
  };
  EXPECT_EQ(as_user(kBob, look), (std::vector{-ENOENT, 0}));
  DaemonClient root(daemon_->socket());
  yett_program_info info = note(root, program);
  EXPECT_EQ(info.owner, kAlice);
  // Taken by Alice, whose connection then ends: and the program with it.
  EXPECT_EQ(as_user(kAlice, look), (std::vector{0, 1}));
  EXPECT_TRUE(comes_true([&] { return root.program_info(program, info) == -ENOENT; }));
  const int kept = root.start(root.make_sandbox("cold"), {"sleep", "100"});
  EXPECT_EQ(DaemonClient(daemon_->socket()).take(kept), -EBUSY);
}

// What a user has run is adopted too, by a daemon that cannot ask its supervisor.
TEST_F(DaemonDeath, UsersOwnRunsGoOn) {
  const std::string home = work() + "/bobs";
  fs::create_directory(home);
  ASSERT_EQ(::chown(home.c_str(), kBob, kBob), 0);
  int program = 0;
  {
    const UsersConnection bob(kBob, daemon_->socket(), [&](DaemonClient& client) {
      OutputPipe out;
      const int begun =
          client.run({"--", "sh", "-c", "echo up; exec sleep 100"}, {0, out.writer(), 2},
                     {"PATH=/usr/bin:/bin", "HOME=" + home, "XDG_RUNTIME_DIR=" + home});
      return out.read_some() == "up\n" ? begun : -1;
    });
    program = bob.program();
    static_cast<void>(daemon_->die());
  }
  ASSERT_GT(program, 0);
  ASSERT_TRUE(daemon_->start());
  EXPECT_EQ(as_user(kBob,
                    [&]() -> std::vector<int> {
                      DaemonClient bob(daemon_->socket());
                      return {bob.take(program), bob.signal(program, SIGKILL),
                              bob.wait_for(program)};
                    }),
            (std::vector{0, 0, 128 + SIGKILL}));
}

// `yett run` by the daemon: it waits for the next one, and ends with the program's status.
TEST_F(DaemonDeath, TheCommandLineComesBack) {
  RunningProgram run(yett_command({"-H", daemon_->socket(), "run", "--", "sh", "-c",
                                   "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"}),
                     RunOptions{});
  ASSERT_TRUE(run.wait_for_output("ready\n", seconds(60)));
  // It may say so before yettd has said whose it is.
  ASSERT_TRUE(comes_true([&] { return DaemonClient(daemon_->socket()).list().size() == 1; }));
  static_cast<void>(daemon_->die());
  ASSERT_TRUE(daemon_->start());
  run.kill(SIGTERM);
  const RunResult ended = run.wait();
  EXPECT_EQ(ended.exit_status, 5) << ended.text();
}

// SIGUSR2: the same process, another program.
TEST_F(DaemonDeath, AnUpgradeTakesItsPlace) {
  static_cast<void>(daemon_->stop());
  const std::string yettd = copy_of_yettd();
  ASSERT_TRUE(daemon_->start(yettd));
  const int pid = daemon_->pid();
  const std::string link = "/proc/" + std::to_string(pid) + "/exe";
  Talk talk;
  DaemonClient before(daemon_->socket());
  const int program = start_answered(before, talk, "lines");
  const yett_program_info info = note(before, program);
  // With a mistake in the configuration it goes on as it is.
  daemon_->configure("adoption_time = \"long\"\n");
  daemon_->kill(SIGUSR2);
  EXPECT_EQ(before.list(), std::vector{program});
  daemon_->configure(config());
  static_cast<void>(copy_of_yettd());
  EXPECT_NE(fs::read_symlink(link), yettd) << "the one that runs is not there any more";
  ASSERT_TRUE(daemon_->upgrade());
  EXPECT_EQ(fs::read_symlink(link), yettd);
  EXPECT_EQ(daemon_->pid(), pid);
  DaemonClient after(daemon_->socket());
  EXPECT_EQ(note(after, program).guard_pid, info.guard_pid);
  EXPECT_TRUE(talk.say("a line\n"));
  EXPECT_EQ(talk.next_line(), "answered");
  EXPECT_EQ(after.take(program), 0);
  EXPECT_EQ(after.signal(program, SIGKILL), 0);
  EXPECT_EQ(after.wait_for(program), 128 + SIGKILL);
  // The starter of before leaves, and is no zombie of the process that it had been begun by.
  EXPECT_TRUE(comes_true([&] { return children_of(daemon_->pid()).size() == 1; }));
}

// SECURITY(nobodys-sandboxes): of the pool nothing outlives the daemon, and so the starter does
// not.
TEST_F(DaemonDeath, WhatIsNobodysEnds) {
  ASSERT_TRUE(is_pool_full("warm", 2));
  const std::vector<int> waiting = children_of(starter());
  EXPECT_EQ(waiting.size(), 2U);
  static_cast<void>(daemon_->die());
  EXPECT_TRUE(comes_true([&] { return std::ranges::none_of(waiting, lives); }));
  EXPECT_TRUE(comes_true([&] { return own_doors().empty(); }));
  ASSERT_TRUE(daemon_->start());
  DaemonClient client(daemon_->socket());
  EXPECT_EQ(client.list(), std::vector<int>{});
}

// SECURITY(no-heir): nobody comes.
TEST_F(DaemonDeath, WithoutAnotherOneAllEnds) {
  daemon_->configure(config_for("1"));
  ASSERT_TRUE(daemon_->reload());
  DaemonClient client(daemon_->socket());
  const int polite = client.start(client.make_sandbox("cold"),
                                  {"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"});
  const int deaf =
      client.start(client.make_sandbox("cold"), {"sh", "-c", "trap '' TERM; sleep 300"});
  static_cast<void>(note(client, polite));
  static_cast<void>(note(client, deaf));
  static_cast<void>(daemon_->die());
  EXPECT_TRUE(comes_true([&] { return std::ranges::none_of(guards_, lives); }));
  EXPECT_TRUE(comes_true([&] { return own_doors().empty(); }));
  ASSERT_TRUE(daemon_->start());
}

// SECURITY(no-heir): what holds all of them is the starter.
TEST_F(DaemonDeath, TheStartersDeathEndsAll) {
  DaemonClient client(daemon_->socket());
  static_cast<void>(note(client, client.start(client.make_sandbox("cold"), {"sleep", "100"})));
  const int parent = starter();
  static_cast<void>(daemon_->die());
  EXPECT_EQ(::kill(parent, SIGKILL), 0);
  EXPECT_TRUE(comes_true([&] { return std::ranges::none_of(guards_, lives); }));
  ASSERT_TRUE(daemon_->start()) << "and removes what it has left";
  EXPECT_EQ(own_doors().size(), 1U);
  EXPECT_EQ(DaemonClient(daemon_->socket()).list(), std::vector<int>{});
}

// How many bytes the starter says to who comes; -1: it cannot be reached.
int heard_at(const std::string& door) {
  const auto connected = connect_to_socket(door);
  if (!connected) return -1;
  std::array<char, 256> bytes{};
  return static_cast<int>(::recv(connected->get(), bytes.data(), bytes.size(), 0));
}

// SECURITY(starter-door): to nobody but the next yettd is anything handed over, and that takes
// nothing from anybody but a starter.
TEST_F(DaemonDeath, NobodyElseIsHandedAnything) {
  DaemonClient client(daemon_->socket());
  const int program = client.start(client.make_sandbox("cold"), {"sleep", "100"});
  static_cast<void>(note(client, program));
  ASSERT_EQ(own_doors().size(), 1U);
  const std::string door = *own_doors().begin();
  // While the daemon lives not even root of this host is; its word for that is all it hears.
  EXPECT_GT(heard_at(door), 0);
  EXPECT_LE(heard_at(door), 64);
  EXPECT_EQ(client.list(), std::vector{program});
  static_cast<void>(daemon_->die());
  EXPECT_EQ(as_user(kAlice, [&]() -> std::vector<int> { return {heard_at(door)}; }),
            std::vector{-1});
  EXPECT_EQ(as_another_root([&] { return heard_at(door); }), 0);
  // One who waits there in a starter's place.
  const std::string forged =
      door.substr(0, door.find_last_of('-') - 16) + std::string(16, '0') + "-1";
  std::array<int, 2> up{};
  ASSERT_EQ(::pipe2(up.data(), O_CLOEXEC), 0);
  const pid_t squatter = ::fork();
  if (squatter == 0) {
    as_another_root([&] {
      const auto bound = listen_at({.path = forged, .asked_by = "the test"});
      if (!bound || ::write(up[1], "", 1) != 1) return 1;
      return ::pause();
    });
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(up[0], &byte, 1), 1);
  ASSERT_TRUE(daemon_->start());
  EXPECT_EQ(DaemonClient(daemon_->socket()).list(), std::vector{program});
  EXPECT_EQ(::kill(squatter, SIGKILL), 0);
  ::waitpid(squatter, nullptr, 0);
  fs::remove(forged);
  for (const int fd : up) ::close(fd);
}

}  // namespace
}  // namespace yett::test
