// yettd: what it does for its clients, and what it does for nobody else.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

constexpr uid_t kAlice = 61'301;
constexpr uid_t kBob = 61'302;
constexpr uid_t kStranger = 61'303;

constexpr const char* kConfig = R"(
users = [61301, 61302]
[template.warm]
options = ["-m", "64M"]
users = [61301]
pool = 2
[template.cold]
options = ["-m", "64M"]
users = [61301, 61302]
)";

// A connection whose last close waits, for nobody takes what was sent.
class LingeringSocket {
 public:
  static constexpr int kSeconds = 60;
  LingeringSocket() {
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{
        .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener.get(), generic, size) != 0 || ::listen(listener.get(), 1) != 0 ||
        ::getsockname(listener.get(), generic, &size) != 0 || ::connect(fd(), generic, size) != 0)
      std::abort();
    peer_.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string much(1 << 20, 'x');
    while (::send(fd(), much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) continue;
    const linger slow{.l_onoff = 1, .l_linger = kSeconds};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &slow, sizeof slow);
  }
  [[nodiscard]] int fd() const { return socket_.get(); }
  void let_go() { socket_.reset(); }

 private:
  UniqueFd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd peer_;
};

class Yettd : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override { return kConfig; }
  [[nodiscard]] bool pool_is_full() const { return is_pool_full("warm", 2); }
};

// The same program, in sandboxes of the pool and in such as are made for it.
TEST_F(Yettd, StartsProgramsWarmAndCold) {
  ASSERT_TRUE(pool_is_full());
  DaemonClient client(daemon_->socket());
  for (const char* name : {"warm", "cold"}) {
    const int sandbox = client.make_sandbox(name);
    ASSERT_GT(sandbox, 0);
    OutputPipe out;
    const int program =
        client.start(sandbox, {"/bin/sh", "-c", "echo to you; echo $0; exit 7", "and you"},
                     {0, out.writer(), 2});
    ASSERT_GT(program, 0);
    EXPECT_EQ(client.wait_for(program), 7) << name;
    EXPECT_EQ(out.read_all(), "to you\nand you\n") << name;
    EXPECT_EQ(client.wait_for(client.start(sandbox, {"/bin/none"})), 127) << name;
    EXPECT_EQ(client.wait_for(client.start(sandbox, {"sh", "-c", "kill -9 $$"})), 137) << name;
  }
  EXPECT_GE(daemon_->metric("yettd_starts_total{from=\"pool\"}"), 1);
  EXPECT_GE(daemon_->metric("yettd_starts_total{from=\"cold\"}"), 3);
  EXPECT_GE(daemon_->metric("yettd_start_seconds_count{from=\"cold\"}"), 2);
}

// What supervisors take for a call, told while a program runs, and all of it by its end.
TEST_F(Yettd, TimesOfCallsAreMeasured) {
  const std::string refused = "yettd_call_seconds_count{kind=\"refused\"}";
  EXPECT_EQ(daemon_->metric(refused), 0);
  DaemonClient client(daemon_->socket());
  std::array<int, 2> input{};
  ASSERT_EQ(::pipe2(input.data(), O_CLOEXEC), 0);
  const int program = client.start(
      client.make_sandbox("cold"),
      {"sh", "-c", "unshare -U true; read line; unshare -U true; exit 3"}, {input[0], 1, 2});
  ::close(input[0]);
  ASSERT_TRUE(comes_true([&] { return daemon_->metric(refused) >= 1; }));
  const double before = daemon_->metric(refused);
  EXPECT_EQ(::write(input[1], "\n", 1), 1);
  ::close(input[1]);
  EXPECT_EQ(client.wait_for(program), 3);
  EXPECT_GE(daemon_->metric(refused), before + 1);
  EXPECT_GT(daemon_->metric("yettd_call_seconds_sum{kind=\"refused\"}"), 0);
  EXPECT_EQ(daemon_->metric("yettd_call_seconds_bucket{kind=\"refused\",le=\"+Inf\"}"),
            daemon_->metric(refused));
}

TEST_F(Yettd, RunsWhatYettRunWould) {
  DaemonClient client(daemon_->socket());
  OutputPipe out;
  const int program = client.run({"-e", "NAME", "--", "sh", "-c", "echo $NAME; exit 3"},
                                 {0, out.writer(), 2}, {"NAME=told", "PATH=/usr/bin:/bin"});
  EXPECT_EQ(client.wait_for(program), 3);
  EXPECT_EQ(out.read_all(), "told\n");
  OutputPipe wrong;
  EXPECT_NE(client.wait_for(client.run({"--no-such"}, {0, 1, wrong.writer()})), 0);
  EXPECT_NE(wrong.read_all().find("no such option"), std::string::npos);
}

// The command line's own client: streams, directory, environment, exit status and signals are the
// caller's, and YETT_HOST means what -H does.
TEST_F(Yettd, YettRunByTheDaemon) {
  const RunResult plain = run_yett({"-H", daemon_->socket(), "run", "-e", "NAME", "--", "sh", "-c",
                                    "cat; echo $NAME; echo error >&2; exit 6"},
                                   {.environment = {"NAME=told"}, .input = "given\n"});
  EXPECT_EQ(plain.exit_status, 6) << plain.text();
  EXPECT_EQ(plain.out, "given\ntold\n");
  EXPECT_EQ(plain.err, "error\n");
  const RunResult by_variable = run_yett({"run", "--", "sh", "-c", "kill -9 $$"},
                                         {.environment = {"YETT_HOST=" + daemon_->socket()}});
  EXPECT_EQ(by_variable.exit_status, 137) << by_variable.text();
  RunningProgram waits(
      yett_command({"-H", daemon_->socket(), "run", "--", "sh", "-c",
                    "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"}),
      RunOptions{});
  ASSERT_TRUE(waits.wait_for_output("ready\n", std::chrono::seconds(30)));
  const RunResult listed = run_yett({"-H", daemon_->socket(), "ps", "--format", "json"});
  EXPECT_NE(listed.out.find("\"number\":3"), std::string::npos) << listed.text();
  waits.kill(SIGTERM);
  EXPECT_EQ(waits.wait().exit_status, 5);
  const RunResult nobody = run_yett({"-H", work() + "/none", "run", "--", "true"});
  EXPECT_EQ(nobody.exit_status, 125);
  EXPECT_NE(nobody.err.find("start yettd"), std::string::npos) << nobody.text();
}

// SECURITY(daemon-places)
TEST_F(Yettd, NoUserTakesAllConnections) {
  const std::vector<int> results = as_user(kAlice, [&]() -> std::vector<int> {
    std::list<DaemonClient> clients;
    int served = 0;
    while (served < 100 && clients.emplace_back(daemon_->socket()).make_sandbox("cold") > 0)
      ++served;
    return {served, DaemonClient(daemon_->socket()).make_sandbox("cold")};
  });
  EXPECT_EQ(results, (std::vector{64, -ENOLINK}));
  EXPECT_GT(DaemonClient(daemon_->socket()).make_sandbox("cold"), 0);
  EXPECT_EQ(
      as_user(kAlice,
              [&] { return std::vector{DaemonClient(daemon_->socket()).make_sandbox("cold")}; }),
      std::vector{1});
}

// SECURITY(daemon-log)
TEST_F(Yettd, StrangersDoNotFillTheLog) {
  constexpr int kMilliseconds = 1500;
  const std::vector<int> tries = as_user(kStranger, [&]() -> std::vector<int> {
    const std::string socket = daemon_->socket();
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kMilliseconds);
    int made = 0;
    for (; std::chrono::steady_clock::now() < until; ++made) const FrameClient stranger(socket);
    return {made};
  });
  ASSERT_EQ(tries.size(), 1U);
  const std::string log = daemon_->stop().err;
  int lines = 0;
  for (std::size_t at = 0; (at = log.find("a connection was refused", at)) != std::string::npos;
       ++at)
    ++lines;
  EXPECT_GE(lines, 10);
  EXPECT_LT(lines, tries[0] / 2);
  EXPECT_NE(log.find("left_out="), std::string::npos) << log;
}

// SECURITY(start-answers): what is begun when nobody waits for it any more is not the next one's.
TEST_F(Yettd, AnAnswerThatComesLateIsNobodys) {
  DaemonClient first(daemon_->socket());
  const int sandbox = first.make_sandbox("cold");
  DaemonClient second(daemon_->socket());
  const int other = second.make_sandbox("cold");
  const int starter = children_of(daemon_->pid()).at(0);
  ASSERT_EQ(::kill(starter, SIGSTOP), 0);
  EXPECT_EQ(first.start(sandbox, {"sh", "-c", "exit 9"}), -EAGAIN);
  ASSERT_EQ(::kill(starter, SIGCONT), 0);
  EXPECT_EQ(second.wait_for(second.start(other, {"sh", "-c", "exit 3"})), 3);
  EXPECT_EQ(first.wait_for(first.start(sandbox, {"sh", "-c", "exit 4"})), 4);
  EXPECT_TRUE(first.list().empty());
}

// SECURITY(slow-close), SECURITY(read-in-the-copy): who passes a socket that lingers, and lets go
// of it first, makes its last close whose it reaches.
TEST_F(Yettd, FilesThatAreSlowToCloseHoldNobodyUp) {
  std::array<LingeringSocket, 3> given;
  DaemonClient client(daemon_->socket());
  const int sandbox = client.make_sandbox("cold");
  daemon_->kill(SIGSTOP);
  for (const uid_t user : {kAlice, kStranger})
    EXPECT_EQ(as_user(user,
                      [&]() -> std::vector<int> {
                        const FrameClient other(daemon_->socket());
                        return {other.send(FrameClient::make(YETT_INFO, 0, ""),
                                           {given[user == kAlice ? 0 : 1].fd()})};
                      }),
              std::vector{1});
  const int third = given[2].fd();
  EXPECT_TRUE(
      client.send(FrameClient::make(YETT_SPAWN, 0, FrameClient::spawn_memory(sandbox, {"true"})),
                  {third, third, third}));
  for (LingeringSocket& each : given) each.let_go();
  daemon_->kill(SIGCONT);
  const auto before = std::chrono::steady_clock::now();
  DaemonClient late(daemon_->socket());
  EXPECT_EQ(late.wait_for(late.start(late.make_sandbox("cold"), {"true"})), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before,
            std::chrono::seconds(LingeringSocket::kSeconds / 2));
}

// A user's own environment may name the daemon, as `yett run` by it finds it.
TEST_F(Yettd, ARunOfAUsersIsNotHandedOnAgain) {
  const std::string host = "YETT_HOST=" + daemon_->socket();
  const std::string home = work() + "/run";
  std::filesystem::create_directory(home);
  ASSERT_EQ(::chown(home.c_str(), kBob, kBob), 0);
  EXPECT_EQ(as_user(kBob,
                    [&]() -> std::vector<int> {
                      DaemonClient client(daemon_->socket());
                      const std::vector<std::string> environment{
                          host, "PATH=/usr/bin:/bin", "HOME=" + home, "XDG_RUNTIME_DIR=" + home};
                      return {client.wait_for(
                          client.run({"--", "sh", "-c", "exit 4"}, {0, 1, 2}, environment))};
                    }),
            std::vector{4});
  std::filesystem::remove_all(home);
}

// What is at the path may be another yettd's, or no socket at all.
TEST_F(Yettd, ASecondOneTakesNothingAway) {
  const std::string yettd = YETT_BUILD_DIR "/bin/yettd";
  DaemonClient client(daemon_->socket());
  const int program = client.start(client.make_sandbox("cold"), {"sleep", "100"});
  const RunResult second = run_program({yettd, "--socket", daemon_->socket()});
  EXPECT_NE(second.exit_status, 0) << second.text();
  std::ofstream(work() + "/file") << "kept";
  EXPECT_NE(run_program({yettd, "--socket", work() + "/file"}).exit_status, 0);
  EXPECT_TRUE(std::filesystem::remove(work() + "/file"));
  EXPECT_EQ(client.list(), std::vector{program});
}

// A program that was given no descriptors has none of the daemon's.
TEST_F(Yettd, ItsOwnErrorsAreNotForProgramsToWrite) {
  DaemonClient client(daemon_->socket());
  for (const char* name : {"cold", "warm"})
    EXPECT_EQ(client.wait_for(
                  client.start(client.make_sandbox(name),
                               {"sh", "-c", "test $(stat -L -c %t:%T /proc/self/fd/2) = 1:3"})),
              0)
        << name;
}

// A signal reaches the program itself; SIGKILL ends the sandbox.
TEST_F(Yettd, PassesSignalsOn) {
  DaemonClient client(daemon_->socket());
  const int sandbox = client.make_sandbox("cold");
  OutputPipe out;
  const int program = client.start(
      sandbox, {"sh", "-c", "trap 'exit 5' USR1; echo ready; while :; do sleep 0.1; done"},
      {0, out.writer(), 2});
  EXPECT_EQ(out.read_some(), "ready\n");
  EXPECT_EQ(client.signal(program, SIGSTOP), -EINVAL);
  EXPECT_EQ(client.signal(program + 1, SIGUSR1), -ENOENT);
  EXPECT_EQ(client.signal(program, SIGUSR1), 0);
  EXPECT_EQ(client.wait_for(program), 5);
  EXPECT_EQ(client.signal(program, SIGUSR1), -ENOENT);
  const int other = client.start(sandbox, {"sleep", "100"});
  EXPECT_EQ(client.signal(other, SIGKILL), 0);
  EXPECT_EQ(client.wait_for(other), 128 + SIGKILL);
}

TEST_F(Yettd, TellsWhatHappens) {
  DaemonClient client(daemon_->socket());
  EXPECT_EQ(client.ask(YETT_EVENTS, 1), 0);
  const int sandbox = client.make_sandbox("cold");
  OutputPipe out;
  const int program = client.start(sandbox, {"sh", "-c", "unshare -U true; exec sleep 100"},
                                   {out.writer(), out.writer(), 2});
  const auto started = client.event(program, YETT_EVENT_STARTED);
  ASSERT_TRUE(started.has_value());
  const auto refused = client.event(program, YETT_EVENT_REFUSED);
  ASSERT_TRUE(refused.has_value());
  EXPECT_STREQ(static_cast<const char*>(refused->call), "unshare");
  EXPECT_GE(refused->count, 1U);
  yett_program_info info{};
  ASSERT_EQ(client.program_info(program, info), 0);
  EXPECT_EQ(info.guard_pid, started->value);
  EXPECT_EQ(info.owner, 0U);
  EXPECT_GE(info.refusals, 1U);
  EXPECT_GT(info.memory_bytes, 0U);
  EXPECT_STREQ(static_cast<const char*>(info.made_of), "cold");
  EXPECT_EQ(client.list(), std::vector{program});
  EXPECT_EQ(client.ask(YETT_REMOVE, static_cast<std::uint64_t>(sandbox)), 0);
  EXPECT_TRUE(client.event(program, YETT_EVENT_ENDED).has_value());
  EXPECT_NE(client.wait_for(program), 0);
  EXPECT_TRUE(client.list().empty());
  EXPECT_GE(daemon_->metric("yettd_verdicts_total{plane=\"supervisor\",verdict=\"deny\"}"), 1)
      << daemon_->read_metrics();
}

// What a client has begun ends with it, also in the pool's sandboxes, and nothing else does.
TEST_F(Yettd, ProgramsEndWithTheirConnection) {
  ASSERT_TRUE(pool_is_full());
  DaemonClient stays(daemon_->socket());
  const int kept = stays.start(stays.make_sandbox("cold"), {"sleep", "100"});
  {
    DaemonClient leaves(daemon_->socket());
    EXPECT_GT(leaves.start(leaves.make_sandbox("warm"), {"sleep", "100"}), 0);
    EXPECT_GT(leaves.start(leaves.make_sandbox("cold"), {"sleep", "100"}), 0);
    EXPECT_EQ(stays.list().size(), 3U);
  }
  EXPECT_TRUE(daemon_->wait_for_metric("yettd_sandboxes", 1));
  EXPECT_EQ(stays.list(), std::vector{kept});
}

// SECURITY(daemon-owner), template-users, daemon-directory: what is another user's is not there.
TEST_F(Yettd, AnotherUserNeitherSeesNorTouches) {
  ASSERT_TRUE(pool_is_full());
  const std::string path = daemon_->socket();
  std::array<int, 2> go{};
  std::array<int, 2> done{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(done.data(), O_CLOEXEC), 0);
  const pid_t alice = ::fork();
  if (alice == 0) {
    ::close(go[1]);
    as_user(kAlice, [&]() -> std::vector<int> {
      DaemonClient client(path);
      const int program = client.start(client.make_sandbox("warm"), {"sleep", "100"});
      if (::write(done[1], &program, sizeof program) < 0) return {};
      char byte = 0;
      return {static_cast<int>(::read(go[0], &byte, 1))};
    });
    ::_exit(0);
  }
  int program = 0;
  ASSERT_EQ(::read(done[0], &program, sizeof program), static_cast<ssize_t>(sizeof program));
  ASSERT_GT(program, 0);
  const auto look = [&]() -> std::vector<int> {
    DaemonClient client(path);
    yett_program_info info{};
    return {client.make_sandbox("warm"), client.make_sandbox("/usr"),
            static_cast<int>(client.list().size()), client.program_info(program, info),
            client.signal(program, SIGKILL)};
  };
  EXPECT_EQ(as_user(kBob, look), (std::vector{-ENOENT, -EPERM, 0, -ENOENT, -ENOENT}));
  // The owner, on another connection: all but a directory of the host's.
  EXPECT_EQ(as_user(kAlice, look), (std::vector{1, -EPERM, 1, 0, 0}));
  EXPECT_TRUE(daemon_->wait_for_metric("yettd_sandboxes", 0));
  ::close(go[1]);
  ::waitpid(alice, nullptr, 0);
  for (const int fd : {go[0], done[0], done[1]}) ::close(fd);
}

// SECURITY(daemon-owner): and of what happens to another's, nobody but root is told.
TEST_F(Yettd, EventsAreTheOwners) {
  const std::string path = daemon_->socket();
  DaemonClient root(path);
  ASSERT_EQ(root.ask(YETT_EVENTS, 1), 0);
  // Bob listens, lets Alice's program run, and then begins one of his own.
  const auto told = as_user(kBob, [&]() -> std::vector<int> {
    DaemonClient bob(path);
    if (bob.ask(YETT_EVENTS, 1) != 0) return {};
    std::array<int, 2> line{};
    if (::pipe2(line.data(), O_CLOEXEC) != 0) return {};
    const int own = bob.start(bob.make_sandbox("cold"), {"true"});
    const auto first = bob.next(YETT_EVENT);
    return {own, first ? static_cast<int>(first->head.argument) : -1, bob.wait_for(own)};
  });
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0], told[1]);
  EXPECT_TRUE(root.event(told[0], YETT_EVENT_ENDED).has_value());
  const auto alices = as_user(kAlice, [&]() -> std::vector<int> {
    DaemonClient alice(path);
    const int own = alice.start(alice.make_sandbox("cold"), {"true"});
    return {own, alice.wait_for(own)};
  });
  ASSERT_EQ(alices.size(), 2U);
  EXPECT_TRUE(root.event(alices[0], YETT_EVENT_ENDED).has_value());
}

// SECURITY(control-peer): the socket is within everybody's reach, for there are users; who is none
// of them is sent away.
TEST_F(Yettd, StrangersAreSentAway) {
  const std::string path = daemon_->socket();
  const auto connect = [&]() -> std::vector<int> {
    DaemonClient client(path);
    return {client.connected() ? 1 : 0, client.ask(YETT_EVENTS, 0)};
  };
  const auto stranger = as_user(kStranger, connect);
  ASSERT_EQ(stranger.size(), 2U);
  EXPECT_EQ(stranger[1], -ENOLINK);
  EXPECT_EQ(as_user(kBob, connect), (std::vector{1, 0}));
  EXPECT_EQ(daemon_->metric("yettd_refused_clients_total"), 1);
}

// SECURITY(whole-rights): what a user has run is the user's, not root's.
TEST_F(Yettd, RunsForAUserWithThatUsersRights) {
  const std::string secret = work() + "/roots-alone";
  write_file(secret, "a secret\n", 0600);
  const std::string open = work() + "/everybodys";
  write_file(open, "no secret\n", 0644);
  const std::string home = work() + "/bobs";
  std::filesystem::create_directory(home);
  ASSERT_EQ(::chown(home.c_str(), kBob, kBob), 0);
  const auto read = [&](const std::string& file, const std::string& copy) {
    return as_user(kBob, [&]() -> std::vector<int> {
      DaemonClient bob(daemon_->socket());
      const UniqueFd out(::open(copy.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
      const int program =
          bob.run({"-v", file + ":/data/file:ro", "--", "sh", "-c", "cat /data/file && id -u"},
                  {0, out.get(), 2}, {"HOME=" + home, "XDG_RUNTIME_DIR=" + home});
      return {bob.wait_for(program)};
    });
  };
  EXPECT_EQ(read(open, home + "/one"), std::vector{0});
  EXPECT_NE(read_file(home + "/one").find("no secret"), std::string::npos);
  EXPECT_NE(read(secret, home + "/two"), std::vector{0});
  EXPECT_EQ(read_file(home + "/two").find("a secret"), std::string::npos);
}

TEST_F(Yettd, ReadsItsConfigurationAgain) {
  DaemonClient client(daemon_->socket());
  EXPECT_EQ(client.make_sandbox("later"), -ENOENT);
  daemon_->configure("[template.later]\noptions = [\"-m\", \"64M\"]\npool = 1\n");
  ASSERT_TRUE(daemon_->reload());
  EXPECT_GT(client.make_sandbox("later"), 0);
  EXPECT_EQ(client.make_sandbox("cold"), -ENOENT);
  EXPECT_TRUE(daemon_->wait_for_metric("yettd_pool_ready{template=\"later\"}", 1));
  daemon_->configure("templates = 3\n");
  ASSERT_TRUE(daemon_->reload());
  EXPECT_GT(client.make_sandbox("later"), 0) << "what was good stays";
}

TEST_F(Yettd, StopsCleanly) {
  DaemonClient client(daemon_->socket());
  const int sandbox = client.make_sandbox("cold");
  OutputPipe out;
  const int asked = client.start(
      sandbox, {"sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"},
      {0, out.writer(), 2});
  EXPECT_EQ(out.read_some(), "ready\n");
  const RunResult stopped = daemon_->stop();
  EXPECT_EQ(stopped.exit_status, 0) << stopped.text();
  EXPECT_EQ(client.wait_for(asked), 9);
  EXPECT_FALSE(std::filesystem::exists(daemon_->socket()));
}

}  // namespace
}  // namespace yett::test
