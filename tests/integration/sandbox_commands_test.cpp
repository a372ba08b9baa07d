// Sandboxes in the background, and the commands that find them: run -d, ps, logs, stop, rm, wait,
// kill, shutdown, stats, top.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/await.hpp"
#include "tests/support/background_sandboxes.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

// Whether this `yett wait` holds a pidfd: it has found whom it waits for.
bool is_waiting(int pid) {
  std::error_code gone;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone))
    if (std::filesystem::read_symlink(entry, gone).string().find("pidfd") != std::string::npos)
      return true;
  return false;
}

class Sandboxes : public BackgroundSandboxes {
 protected:
  void await_text(const std::string& text, const std::vector<std::string>& words) const {
    for (int i = 0; i < 600; ++i) {
      if (yett(words).out.find(text) != std::string::npos) return;
      ::usleep(100'000);
    }
    FAIL() << "never: " << text << "\n" << yett(words).text();
  }
};

TEST_F(Sandboxes, RunsInTheBackgroundAndIsFound) {
  const RunResult started = start({"--name", "one", "--", "sleep", "1000"});
  EXPECT_EQ(started.exit_status, 0) << started.text();
  EXPECT_EQ(started.out, "one\n");
  EXPECT_EQ(yett({"ps", "-q"}).out, "one\n");
  const std::string table = yett({"ps"}).out;
  EXPECT_NE(table.find("sleep 1000"), std::string::npos) << table;
  EXPECT_NE(table.find("Up "), std::string::npos) << table;
  EXPECT_NE(yett({"ps", "--format", "json"}).out.find(R"("kind":"sandbox")"), std::string::npos);
  EXPECT_NE(yett({"list"}).out.find("BUNDLE"), std::string::npos) << "list stays runc's";
  EXPECT_NE(yett({"ps", "one"}).out.find("sleep 1000"), std::string::npos) << "ps ID stays runc's";
  EXPECT_NE(yett({"top", "one", "-eo", "pid,args"}).out.find("sleep 1000"), std::string::npos);
  EXPECT_NE(yett({"state", "one"}).out.find(R"("status": "running")"), std::string::npos);
}

TEST_F(Sandboxes, AnIdIsMadeForOneWithoutAName) {
  const RunResult started = start({"--", "true"});
  EXPECT_EQ(started.exit_status, 0) << started.text();
  EXPECT_EQ(started.out.size(), 13U) << started.out;
  EXPECT_EQ(yett({"wait", started.out.substr(0, 12)}).out, "0\n");
}

TEST_F(Sandboxes, ErrorsOfTheStartAreToldInFront) {
  const RunResult missing = start({"--name", "bad", "--", "/there/is/none"});
  EXPECT_EQ(missing.exit_status, 127) << missing.text();
  EXPECT_EQ(missing.out, "");
  EXPECT_NE(missing.err.find("/there/is/none"), std::string::npos);
  EXPECT_EQ(start({"--name", "bad", "--", "/etc"}).exit_status, 126);
  EXPECT_EQ(yett({"ps", "-aq"}).out, "") << "nothing is left of a start that failed";
}

TEST_F(Sandboxes, ANameIsTakenOnce) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  const RunResult again = start({"--name", "one", "--", "true"});
  EXPECT_EQ(again.exit_status, 125) << again.text();
  EXPECT_NE(again.err.find("already exists"), std::string::npos) << again.text();
  EXPECT_EQ(yett({"ps", "-q"}).out, "one\n");
}

TEST_F(Sandboxes, InFrontItIsFoundWhileItRuns) {
  RunningProgram running(yett_command({"run", "--root", root(), "--name", "front", "--", "sh", "-c",
                                       "echo up; sleep 1000"}),
                         {});
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(30)));
  await_text("front", {"ps", "-q"});
  EXPECT_NE(yett({"logs", "front"}).err.find("keeps no log"), std::string::npos);
  EXPECT_EQ(yett({"stop", "front"}).out, "front\n");
  EXPECT_EQ(running.wait().exit_status, 128 + SIGTERM);
  EXPECT_EQ(yett({"ps", "-aq"}).out, "");
}

TEST_F(Sandboxes, LogsKeepBothStreamsApart) {
  start_well(
      {"--name", "one", "--", "sh", "-c", "echo first; echo second; echo oops >&2; printf end"});
  EXPECT_EQ(yett({"wait", "one"}).out, "0\n");
  const RunResult all = yett({"logs", "one"});
  EXPECT_EQ(all.out, "first\nsecond\nend") << all.text();
  EXPECT_EQ(all.err, "oops\n");
  EXPECT_EQ(yett({"logs", "--tail", "0", "one"}).out, "");
  const std::string last = yett({"logs", "-n", "2", "one"}).out;
  EXPECT_NE(last.find("end"), std::string::npos);
  EXPECT_EQ(last.find("first"), std::string::npos) << last;
  EXPECT_EQ(yett({"logs", "--since", "1h", "one"}).out, all.out);
  EXPECT_EQ(yett({"logs", "--since", "2199-01-01T00:00:00Z", "one"}).out, "");
  EXPECT_NE(yett({"logs", "-t", "one"}).out.find("Z first\n"), std::string::npos);
}

TEST_F(Sandboxes, LogsFollowUntilItsEnd) {
  start_well({"--name", "one", "--", "sh", "-c", "echo a; sleep 1; echo b"});
  EXPECT_EQ(yett({"logs", "-f", "one"}).out, "a\nb\n");
}

TEST_F(Sandboxes, LogsGoWhereTheyAreSentTo) {
  start_well({"--name", "one", "--log", directory_, "--", "echo", "to a directory"});
  start_well({"--name", "two", "--log", directory_ + "/file", "--", "echo", "to a file"});
  EXPECT_EQ(yett({"wait", "one", "two"}).out, "0\n0\n");
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/one.log"));
  EXPECT_EQ(yett({"logs", "one"}).out, "to a directory\n");
  EXPECT_EQ(yett({"logs", "two"}).out, "to a file\n");
  EXPECT_EQ(yett({"rm", "one", "two"}).exit_status, 0);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/file")) << "a named log is the caller's";
}

// log-bound: a program that writes without end fills two files and no more.
TEST_F(Sandboxes, LogsAreBounded) {
  start_well({"--name", "one", "--", "sh", "-c",
              "yes $(printf %01000d 0) | head -c 30000000; echo; echo done"});
  EXPECT_EQ(yett({"wait", "one"}, {.timeout = std::chrono::seconds(110)}).out, "0\n");
  std::uintmax_t size = 0;
  for (const char* name : {"/one/log", "/one/log.1"})
    size += std::filesystem::file_size(root() + name);
  EXPECT_GT(size, 10U << 20U);
  EXPECT_LE(size, 20U << 20U);
  EXPECT_EQ(yett({"logs", "--tail", "1", "one"}).out, "done\n");
}

TEST_F(Sandboxes, WaitGivesItsStatus) {
  const RunResult waited = start({"--rm", "--wait", "--", "sh", "-c", "exit 7"});
  EXPECT_EQ(waited.exit_status, 7) << waited.text();
  EXPECT_EQ(yett({"ps", "-aq"}).out, "") << "--rm";
  start_well({"--rm", "--name", "one", "--", "sh", "-c",
              "until [ -e /tmp/end ]; do sleep 0.05; done; exit 9"});
  RunningProgram waiting(yett_command({"--root", root(), "wait", "one"}), {});
  EXPECT_TRUE(comes_true([&] { return is_waiting(waiting.pid()); }));
  static_cast<void>(yett({"exec", "one", "touch", "/tmp/end"}));  // itself ended by the end
  EXPECT_EQ(waiting.wait().out, "9\n") << "also of one that forgets itself";
  EXPECT_EQ(yett({"ps", "-aq"}).out, "");
}

TEST_F(Sandboxes, StopIsTermAndThenKill) {
  start_well({"--name", "polite", "--", "sleep", "1000"});
  EXPECT_EQ(yett({"stop", "polite"}).out, "polite\n");
  start_well(
      {"--name", "deaf", "--", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"});
  await_text("up", {"logs", "deaf"});
  EXPECT_EQ(yett({"stop", "-t", "200ms", "deaf"}).exit_status, 0);
  EXPECT_EQ(yett({"wait", "polite", "deaf"}).out, "143\n137\n");
  EXPECT_EQ(yett({"stop", "deaf"}).exit_status, 0) << "stopping twice is no error";
  EXPECT_NE(yett({"ps", "-a"}).out.find("Exited (137)"), std::string::npos);
}

TEST_F(Sandboxes, KillSendsAnySignal) {
  start_well({"--name", "one", "--", "sh", "-c",
              "trap 'exit 5' USR1; echo up; while :; do sleep 1; done"});
  await_text("up", {"logs", "one"});
  EXPECT_EQ(yett({"kill", "one", "USR1"}).exit_status, 0);
  EXPECT_EQ(yett({"wait", "one"}).out, "5\n");
}

TEST_F(Sandboxes, PauseAndResume) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  EXPECT_EQ(yett({"pause", "one"}).exit_status, 0);
  EXPECT_NE(yett({"ps"}).out.find("(Paused)"), std::string::npos);
  EXPECT_EQ(yett({"resume", "one"}).exit_status, 0);
  EXPECT_EQ(yett({"pause", "one"}).exit_status, 0);
  EXPECT_EQ(yett({"stop", "one"}).exit_status, 0) << "what stands still is stopped too";
}

TEST_F(Sandboxes, RmWantsItEnded) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  const RunResult refused = yett({"rm", "one"});
  EXPECT_EQ(refused.exit_status, 1) << refused.text();
  EXPECT_NE(refused.err.find("running"), std::string::npos);
  EXPECT_EQ(yett({"rm", "-f", "one"}).exit_status, 0);
  EXPECT_EQ(yett({"ps", "-aq"}).out, "");
  EXPECT_EQ(yett({"rm", "one"}).exit_status, 1);
  EXPECT_EQ(yett({"rm", "-f", "one"}).exit_status, 0) << "of what is not there";
}

TEST_F(Sandboxes, ADeadSupervisorTakesItsSandboxWithIt) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  const int supervisor = supervisor_of("one");
  ASSERT_GT(supervisor, 1);
  ASSERT_EQ(::kill(supervisor, SIGKILL), 0);
  await_text("Dead", {"ps", "-a"});
  EXPECT_EQ(yett({"ps", "-q"}).out, "");
  EXPECT_EQ(yett({"wait", "one"}).out, "unknown\n");
  const RunResult again = start({"--name", "one", "--", "true"});
  EXPECT_EQ(again.exit_status, 125) << "it keeps its name until it is removed";
  EXPECT_EQ(yett({"rm", "one"}).exit_status, 0);
  EXPECT_FALSE(std::filesystem::exists(root() + "/one"));
  start_well({"--name", "one", "--", "true"});
}

TEST_F(Sandboxes, ShutdownEndsAll) {
  for (const char* name : {"one", "two", "three"})
    start_well({"--name", name, "--", "sleep", "1000"});
  EXPECT_EQ(yett({"shutdown", "-t", "5"}).exit_status, 0);
  EXPECT_EQ(yett({"ps", "-q"}).out, "");
  EXPECT_EQ(yett({"ps", "-aq"}).out, "one\nthree\ntwo\n");
  EXPECT_EQ(yett({"rm", "--all"}).exit_status, 0);
  EXPECT_EQ(yett({"ps", "-aq"}).out, "");
}

TEST_F(Sandboxes, StatsCountsWhatItTakes) {
  start_well(
      {"--name", "one", "-m", "64M", "--pids", "20", "--", "sh", "-c", "while :; do :; done"});
  const RunResult table = yett({"stats", "--no-stream", "one"});
  EXPECT_NE(table.out.find("64 MiB"), std::string::npos) << table.text();
  EXPECT_NE(table.out.find("20"), std::string::npos) << table.text();
  const std::string json = yett({"stats", "--format", "json"}).out;
  EXPECT_NE(json.find("\"id\":\"one\""), std::string::npos) << json;
  EXPECT_EQ(json.find("\"cpuHundredthsOfPercent\":0,"), std::string::npos)
      << "it is busy: " << json;
}

// ---- exec ---------------------------------------------------------------------------------------

// What holds a process, as it sees it itself.
constexpr const char* kHeldBy =
    "grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp)' "
    "/proc/self/status; cat /proc/self/cgroup; ulimit -a; "
    "for n in user mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done";

// exec-joins-all: no namespace, cgroup, limit, identity or filter differs from the program's own.
TEST_F(Sandboxes, ExecIsHeldByWhatHoldsTheProgram) {
  start_well({"--name", "one", "-m", "64M", "--pids", "30", "--", "sh", "-c",
              std::string(kHeldBy) + "; echo all told; sleep 1000"});
  await_text("all told", {"logs", "one"});
  const std::string own = yett({"logs", "one"}).out;
  const RunResult executed = yett({"exec", "one", "sh", "-c", kHeldBy});
  EXPECT_EQ(executed.exit_status, 0) << executed.text();
  EXPECT_EQ(executed.out + "all told\n", own);
  EXPECT_NE(own.find("Seccomp:\t2"), std::string::npos) << own;
}

// exec-label: where BPF LSM is in force it holds this process as it holds the program.
TEST_F(Sandboxes, ExecIsRefusedWhatTheProgramIsRefused) {
  const std::string attempts =
      "for c in 'unshare -U true' 'mount -t tmpfs none /tmp' 'cat /etc/shadow' 'ls /root' "
      "'cp /bin/true /tmp/copy' '/tmp/copy' 'kill -9 1' 'touch /usr/x' 'nice -n -5 true'; "
      "do $c > /dev/null 2>&1; echo \"$c: $?\"; done";
  start_well({"--name", "one", "--", "sh", "-c", attempts + "; echo all told; sleep 1000"});
  await_text("all told", {"logs", "one"});
  const std::string own = yett({"logs", "one"}).out;
  EXPECT_EQ(yett({"exec", "one", "sh", "-c", attempts}).out + "all told\n", own);
  EXPECT_NE(own.find("/tmp/copy: 126"), std::string::npos) << own;
}

TEST_F(Sandboxes, ExecIsAudited) {
  const std::string audit = directory_ + "/audit";
  start_well({"--name", "one", "--audit", audit, "--", "sleep", "1000"});
  EXPECT_NE(yett({"exec", "one", "unshare", "-U", "true"}).exit_status, 0);
  std::ifstream file(audit);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find("unshare"), std::string::npos) << text.str();
}

TEST_F(Sandboxes, ExecPassesStatusStdioAndEnvironment) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  EXPECT_EQ(yett({"exec", "one", "sh", "-c", "exit 9"}).exit_status, 9);
  EXPECT_EQ(yett({"exec", "one", "sh", "-c", "kill -TERM $$"}).exit_status, 128 + SIGTERM);
  EXPECT_EQ(yett({"exec", "-i", "one", "cat"}, {.input = "to and fro"}).out, "to and fro");
  EXPECT_EQ(yett({"exec", "one", "sh", "-c", "echo oops >&2"}).err, "oops\n");
  EXPECT_EQ(yett({"exec", "-e", "A=b", "--cwd", "/tmp", "one", "sh", "-c", "echo $A $PWD"}).out,
            "b /tmp\n");
  EXPECT_EQ(yett({"exec", "one", "there-is-none"}).exit_status, 127);
  EXPECT_EQ(yett({"exec", "one", "/etc"}).exit_status, 126);
  EXPECT_NE(yett({"exec", "-it", "one", "tty"}).out.find("/dev/pts/"), std::string::npos);
  EXPECT_EQ(yett({"exec", "-d", "one", "sleep", "500"}).exit_status, 0);
  EXPECT_NE(yett({"top", "one"}).out.find("sleep 500"), std::string::npos);
}

TEST_F(Sandboxes, ExecGetsItsCallersSignals) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  RunningProgram running(yett_command({"--root", root(), "exec", "one", "sh", "-c",
                                       "trap 'exit 4' TERM; echo up; while :; do sleep 1; done"}),
                         {});
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(30)));
  running.kill(SIGTERM);
  EXPECT_EQ(running.wait().exit_status, 4);
}

TEST_F(Sandboxes, ExecEndsWithItsSandbox) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  RunningProgram running(
      yett_command({"--root", root(), "exec", "one", "sh", "-c", "echo up; sleep 1000"}), {});
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(30)));
  EXPECT_EQ(yett({"stop", "-t", "0", "one"}).exit_status, 0);
  EXPECT_EQ(running.wait().exit_status, 128 + SIGKILL);
  const RunResult late = yett({"exec", "one", "true"});
  EXPECT_EQ(late.exit_status, 125) << late.text();
  EXPECT_NE(late.err.find("stopped"), std::string::npos);
}

// exec-peer: nobody but root is let in, by the directory's mode and by who asks.
TEST_F(Sandboxes, ExecIsRootsAlone) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  const RunResult refused = yett({"exec", "one", "true"}, {.before_exec = [] {
                                   if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(99);
                                 }});
  EXPECT_NE(refused.exit_status, 0) << refused.text();
  EXPECT_NE(refused.exit_status, 99);
  EXPECT_EQ(yett({"exec", "one", "true"}).exit_status, 0);
}

TEST_F(Sandboxes, ExecTakesNoMoreThanTheSandboxHas) {
  start_well({"--name", "one", "--", "sleep", "1000"});
  const std::vector<std::vector<std::string>> rows{
      {"--user", "0"},        {"--cap", "CAP_SYS_ADMIN"}, {"--process", "/dev/null"},
      {"-e", "novalue"},      {"--cwd", "tmp"},           {"-t", "-d"},
      {"--preserve-fds", "2"}};
  for (std::vector<std::string> words : rows) {
    const std::string option = words.front();
    words.insert(words.begin(), "exec");
    words.insert(words.end(), {"one", "true"});
    const RunResult refused = yett(words);
    EXPECT_EQ(refused.exit_status, 125) << option << ": " << refused.text();
  }
  EXPECT_EQ(yett({"exec", "one"}).exit_status, 125);
  EXPECT_EQ(yett({"exec", "one", std::string(100'000, 'x'), std::string(100'000, 'x')}).exit_status,
            125);
}

// ---- bad input ----------------------------------------------------------------------------------

struct Refused {
  const char* name;
  std::vector<std::string> words;
  int exit_status;
  const char* said;
};

TEST_F(Sandboxes, BadInputIsToldInALine) {
  start_well({"--name", "one", "--", "true"});
  EXPECT_EQ(yett({"wait", "one"}).out, "0\n");
  const std::vector<Refused> rows{
      {"logs of nothing", {"logs", "none"}, 1, "does not exist"},
      {"a count", {"logs", "--tail", "many", "one"}, 1, "--tail many"},
      {"a time", {"logs", "--since", "yesterday", "one"}, 1, "--since yesterday"},
      {"an id that leads out", {"logs", "../one"}, 1, "invalid container ID"},
      {"no id", {"stop"}, 1, "too few"},
      {"a patience", {"stop", "-t", "soon", "one"}, 1, "--time soon"},
      {"a signal", {"stop", "-s", "WINK", "one"}, 1, "WINK"},
      {"stop of nothing", {"stop", "none"}, 1, "does not exist"},
      {"rm of nothing named", {"rm"}, 1, "no ID"},
      {"rm of all and one", {"rm", "--all", "one"}, 1, "--all"},
      {"an option", {"rm", "--al", "one"}, 1, "no such option"},
      {"a format", {"ps", "--format", "xml"}, 1, "table or json"},
      {"stats of what ended", {"stats", "one"}, 1, "not running"},
      {"an interval", {"stats", "-i", "0", "one"}, 1, "--interval 0"},
      {"top of nothing", {"top", "none"}, 1, "does not exist"},
      {"wait for nothing", {"wait", "none"}, 1, "does not exist"},
      {"kill of what ended", {"kill", "one"}, 1, "not running"},
  };
  for (const Refused& row : rows) {
    const RunResult result = yett(row.words);
    EXPECT_EQ(result.exit_status, row.exit_status) << row.name << ": " << result.text();
    EXPECT_NE(result.err.find(row.said), std::string::npos) << row.name << ": " << result.text();
  }
  const std::vector<Refused> runs{
      {"a terminal for nobody", {"-t", "--", "true"}, 125, "-d with -t"},
      {"a log that is none", {"--log", "/dev/null", "--", "true"}, 125, "no regular file"},
      {"a log nowhere", {"--log", "/none/log", "--", "true"}, 125, "/none/log"},
      {"a plan behind", {"--dry-run", "--", "true"}, 125, "--dry-run"},
  };
  for (const Refused& row : runs) {
    const RunResult result = start(row.words);
    EXPECT_EQ(result.exit_status, row.exit_status) << row.name << ": " << result.text();
    EXPECT_NE(result.err.find(row.said), std::string::npos) << row.name << ": " << result.text();
  }
  EXPECT_EQ(yett({"ps", "-aq"}).out, "one\n");
  EXPECT_EQ(run_yett({"run", "--wait", "--", "true"}).exit_status, 125);
  EXPECT_EQ(run_yett({"run", "--log", "/tmp/x", "--", "true"}).exit_status, 125);
}

}  // namespace
}  // namespace yett::test
