// Attacks on the fallback mode: no namespace keeps the sandbox from what else its user owns. Each
// case has something of the user's in reach, and a twin that reaches it without the sandbox.
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <thread>

#include "tests/support/await.hpp"
#include "tests/support/fallback_case.hpp"
#include "tests/support/marked_processes.hpp"
#include "tests/support/port_attack.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

// Each line of an attack is tried; what worked is printed.
const std::string kPrelude =
    "import os, sys, ctypes, socket, signal\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "def worked(name, f):\n"
    "  try: r = f()\n"
    "  except OSError: return\n"
    "  if r is None or not isinstance(r, int) or r >= 0: print(name)\n";

class FallbackAttack : public FallbackCase {
 protected:
  // The same program in a sandbox, and as the user without one.
  [[nodiscard]] RunResult inside(const std::string& attack) const {
    return run({"--mode", "fallback", "--", "python3", "-c", kPrelude + attack});
  }
  [[nodiscard]] RunResult outside(const std::string& attack) const {
    return as_user({"python3", "-c", kPrelude + attack});
  }
};

// SECURITY(fallback-others)
TEST_F(FallbackAttack, SignalsDoNotReachTheUsersOtherProcesses) {
  RunningProgram other({"sleep", "60"}, options_);
  const std::string pid = std::to_string(other.pid());
  const RunResult result = inside("p = " + pid + "\n" +
                                  "worked('kill', lambda: os.kill(p, 9))\n"
                                  "worked('group', lambda: os.kill(-os.getpgid(p), 9))\n"
                                  "worked('probe', lambda: os.kill(p, 0))\n"
                                  "worked('tgkill', lambda: libc.syscall(234, p, p, 9))\n"
                                  "worked('supervisor', lambda: os.kill(os.getppid(), 9))\n"
                                  "try: os.kill(-1, 9)\n"
                                  "except OSError: pass\n"
                                  "c = os.fork() or signal.pause()\n"
                                  "worked('child', lambda: os.kill(c, 9))\n");
  EXPECT_EQ(result.out, "child\n") << result.text();
  EXPECT_EQ(outside("worked('kill', lambda: os.kill(" + pid + ", 9))\n").out, "kill\n");
  EXPECT_EQ(other.wait().signal, SIGKILL);
}

// SECURITY(fallback-files)
TEST_F(FallbackAttack, FilesOutsideAreNeitherReadNorChanged) {
  const std::string canary = file("canary", "secret\n");
  const std::string attack = "c = '" + canary + "'\nd = os.path.dirname(c)\n" +
                             "worked('own', lambda: open('f', 'w'))\n"
                             "worked('read', lambda: open(c))\n"
                             "worked('write', lambda: open(c, 'a'))\n"
                             "worked('link', lambda: os.link(c, 'l'))\n"
                             "os.symlink(c, 's')\n"
                             "worked('symlink', lambda: open('s'))\n"
                             "worked('root', lambda: open('/proc/self/root' + c))\n"
                             "os.chdir(d)\n"
                             "worked('cwd', lambda: open('canary'))\n"
                             "p = os.open(c, os.O_PATH)\n"
                             "worked('path fd', lambda: open('/proc/self/fd/%d' % p))\n"
                             "worked('list', lambda: os.listdir(d))\n"
                             "worked('truncate', lambda: os.truncate(c, 0))\n"
                             "worked('rename', lambda: os.rename(c, d + '/x'))\n"
                             "worked('unlink', lambda: os.unlink(c))\n"
                             "worked('mkdir', lambda: os.mkdir(d + '/y'))\n"
                             "worked('exec', lambda: os.execv(c, [c]))\n";
  const RunResult result = inside(attack);
  EXPECT_EQ(result.out, "own\n") << result.text();
  EXPECT_EQ(text_of(canary), "secret\n");
  const RunResult twin = outside(attack);
  EXPECT_NE(twin.out.find("read\nwrite\nlink\nsymlink\nroot\ncwd\npath fd\nlist\n"),
            std::string::npos)
      << twin.text();
}

// Landlock has no right for these. SECURITY(fallback-attributes)
TEST_F(FallbackAttack, AttributesOfFilesOutsideStay) {
  const std::string canary = file("canary", "secret\n");
  ASSERT_EQ(::chmod(canary.c_str(), 0600), 0);
  struct stat before{};
  ASSERT_EQ(::stat(canary.c_str(), &before), 0);
  const std::string attack =
      "c = b'" + canary + "'\nd = os.path.dirname(c)\n" +
      "open('f', 'w').close()\n"
      "worked('own', lambda: os.chmod('f', 0o640))\n"
      "worked('own times', lambda: os.utime('f', (1, 1)))\n"
      "worked('chmod', lambda: os.chmod(c, 0o666))\n"
      "worked('fchmodat2', lambda: libc.syscall(452, -100, c, 0o666, 0))\n"
      "os.symlink(c, b's')\n"
      "worked('symlink', lambda: os.chmod('s', 0o666))\n"
      "worked('stdin', lambda: os.fchmod(0, 0o666))\n"
      "p = os.open(c, os.O_PATH)\n"
      "worked('empty path', lambda: libc.syscall(452, p, b'', 0o666, 0x1000))\n"
      "worked('magic', lambda: os.chmod('/proc/self/fd/%d' % p, 0o666))\n"
      "worked('utime', lambda: os.utime(c, (1, 1)))\n"
      "worked('utimes', lambda: libc.syscall(235, c, None))\n"
      "worked('xattr', lambda: os.setxattr(c, 'user.x', b'y'))\n"
      "worked('chown', lambda: os.chown(c, -1, -1))\n"
      "worked('set-uid', lambda: os.chmod('f', 0o4755))\n"
      "os.chdir(d)\n"
      "worked('cwd', lambda: os.chmod('canary', 0o666))\n";
  const RunResult result =
      as_user({"sh", "-c", "exec \"$0\" run --mode fallback -- python3 -c \"$1\" < \"$2\"",
               yett_binary(), kPrelude + attack, canary});
  EXPECT_EQ(result.out, "own\nown times\n") << result.text();
  struct stat after{};
  ASSERT_EQ(::stat(canary.c_str(), &after), 0);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
  EXPECT_NE(outside(attack).out.find("chmod\nfchmodat2\nsymlink\n"), std::string::npos);
}

// A thread swaps the link while the supervisor resolves it.
TEST_F(FallbackAttack, ALinkThatIsSwappedLeadsToNothingOutside) {
  const std::string canary = file("canary", "secret\n");
  ASSERT_EQ(::chmod(canary.c_str(), 0600), 0);
  const RunResult result =
      inside("import threading\nc = '" + canary + "'\n" +
             "open('f', 'w').close(); os.symlink(c, 'a'); os.symlink('f', 'b')\n"
             "stop = False\n"
             "def swap():\n"
             "  while not stop:\n"
             "    libc.syscall(316, -100, b'a', -100, b'b', 2)\n"  // RENAME_EXCHANGE
             "t = threading.Thread(target=swap); t.start()\n"
             "done = 0\n"
             "for i in range(3000):\n"
             "  try: os.chmod('a', 0o644); done += 1\n"
             "  except OSError: pass\n"
             "stop = True; t.join(); print(0 < done < 3000)\n");
  EXPECT_EQ(result.out, "True\n") << result.text();
  struct stat after{};
  ASSERT_EQ(::stat(canary.c_str(), &after), 0);
  EXPECT_EQ(after.st_mode & 0777U, 0600U);
}

// SECURITY(fallback-network)
TEST_F(FallbackAttack, SocketsWithANameAreOutOfReach) {
  const std::string path = home_->path() + "/bus";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 5), 0);
  OrdinaryHome::give(path);
  const std::string attack =
      "b = '" + path + "'\n" +
      "def reach(s): s.connect(b)\n"
      "p = socket.socketpair()\n"
      "worked('pair', lambda: p[0].send(b'x'))\n"
      "worked('stream', lambda: reach(socket.socket(socket.AF_UNIX)))\n"
      "worked('pair again', lambda: reach(p[0]))\n"
      "worked('datagrams', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))\n"
      "worked('inet', lambda: socket.socket())\n"
      "worked('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))\n";
  const RunResult result = inside(attack);
  EXPECT_EQ(result.out, "pair\n") << result.text();
  EXPECT_EQ(outside(attack).out, "pair\nstream\ndatagrams\ninet\nnetlink\n");
  ::close(listener);
}

// SECURITY(fallback-stdio)
TEST_F(FallbackAttack, ADatagramSocketIsNoStdin) {
  const std::string start =
      "import socket, subprocess, sys\n"
      "a, b = socket.socketpair(socket.AF_UNIX, getattr(socket, sys.argv[2]))\n"
      "print(subprocess.run([sys.argv[1], 'run', '--mode', 'fallback', '--', 'true'], "
      "stdin=a).returncode)\n";
  EXPECT_EQ(as_user({"python3", "-c", start, yett_binary(), "SOCK_DGRAM"}).out, "125\n");
  EXPECT_EQ(as_user({"python3", "-c", start, yett_binary(), "SOCK_STREAM"}).out, "0\n");
}

TEST_F(FallbackAttack, OtherProcessesAreNotLookedInto) {
  RunningProgram other({"sleep", "60"}, options_);
  const std::string attack =
      "p = '/proc/" + std::to_string(other.pid()) + "'\nn = " + std::to_string(other.pid()) +
      "\n"
      "worked('environ', lambda: open(p + '/environ'))\n"
      "worked('cmdline', lambda: open(p + '/cmdline'))\n"
      "worked('mem', lambda: open(p + '/mem'))\n"
      "worked('exe', lambda: os.readlink(p + '/exe'))\n"
      "worked('cwd', lambda: os.readlink(p + '/cwd'))\n"
      "worked('fd', lambda: os.listdir(p + '/fd'))\n"
      "worked('affinity', lambda: os.sched_setaffinity(n, {0}))\n"
      "worked('nice', lambda: os.setpriority(os.PRIO_PROCESS, n, 5))\n"
      "worked('nice of all', lambda: os.setpriority(os.PRIO_USER, 0, 5))\n"
      "worked('prlimit', lambda: libc.syscall(302, n, 7, (ctypes.c_ulong * 2)(9, 9), None))\n"
      "worked('read memory', lambda: libc.syscall(310, n, None, 0, None, 0, 0))\n"
      "worked('pidfd', lambda: os.pidfd_open(n))\n"
      "worked('own nice', lambda: os.setpriority(os.PRIO_PROCESS, 0, 5))\n"
      "worked('watch', lambda: libc.inotify_add_watch(libc.inotify_init(), b'/var/tmp', 0xfff))\n";
  const RunResult result = inside(attack);
  EXPECT_EQ(result.out, "own nice\n") << result.text();
  EXPECT_NE(outside(attack).out.find("environ\ncmdline\nmem\nexe\ncwd\nfd\naffinity\n"),
            std::string::npos);
}

// Landlock's hook for connect(2) is not asked by TCP Fast Open. SECURITY(fast-open)
TEST_F(FallbackAttack, FastOpenDoesNotGoPastThePorts) {
  const HostListener listener;
  const std::string attack = port_attack(listener.port());
  const auto under = [&](const std::string& allowed) {
    const std::string rules =
        policy("[network]\nmode = \"host\"\nconnect = [\"tcp://*:" + allowed + "\"]\n");
    return run({"--mode", "fallback", "--policy", rules, "--", "python3", "-c", attack});
  };
  const RunResult refused = under("1");
  EXPECT_EQ(refused.out, "") << refused.text();
  EXPECT_EQ(under(listener.port()).out, "connect\nfast option\n");
  const RunResult twin = as_user({"python3", "-c", attack});
  EXPECT_NE(twin.out.find("connect\nfast open\nfast message\nfast messages\nfast option\n"),
            std::string::npos)
      << twin.text();
}

// Where the supervisor can take a copy of the socket: not inside a container.
// SECURITY(landlock-listen)
TEST_F(FallbackAttack, NobodyListensAtAPortOfTheKernelsChoice) {
  const HostListener listener;
  const std::string attack = port_attack(listener.port()) + port_server("61238");
  const std::string rules = policy(
      "[network]\nmode = \"host\"\nlisten = [\"tcp://*:61238\"]\nconnect = [\"tcp://*:61238\", "
      "\"tcp://*:" +
      listener.port() + "\"]\n");
  const RunResult held = run_yett(
      {"run", "--mode", "fallback", "--policy", rules, "--", "python3", "-c", attack}, options_);
  EXPECT_EQ(held.out, "connect\nfast option\nbound\n") << held.text();
  const RunResult twin = as_user({"python3", "-c", attack});
  EXPECT_NE(twin.out.find("listen\nlisten by IPv6\nlisten again\nbound\n"), std::string::npos)
      << twin.text();
}

// ---- its end ------------------------------------------------------------------------------------

// Processes that detach themselves by every means, and say that they are there.
std::string detaching(const std::string& mark) {
  return "import os, time\n"
         "def sleep(): os.execvp('sleep', ['sleep', '" +
         mark +
         "'])\n"
         "for i in range(3):\n"
         "  if os.fork() == 0:\n"
         "    os.setsid()\n"
         "    if os.fork() == 0: sleep()\n"
         "    os._exit(0)\n"
         "  if os.fork() == 0:\n"
         "    import signal\n"
         "    for s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
         "    sleep()\n";
}

// SECURITY(fallback-end)
TEST_F(FallbackAttack, NothingOutlivesTheProgram) {
  const std::string mark = "61.234001";
  EXPECT_EQ(inside(detaching(mark)).exit_status, 0);
  EXPECT_TRUE(processes_with(mark).empty());
  // Each generation makes the next one and ends: whoever looks finds nobody to kill.
  const RunResult chain = run({"--mode", "fallback", "--", "python3", "-c",
                               "import os\n"
                               "if os.fork() == 0:\n"
                               "  while True:\n"
                               "    if os.fork() != 0: os._exit(0)  # 61.234002\n"});
  EXPECT_EQ(chain.exit_status, 0) << chain.text();
  EXPECT_TRUE(processes_with("61.234002").empty());
  // The twin: without a sandbox they stay.
  EXPECT_EQ(as_user({"sh", "-c", "exec python3 -c \"$0\" > /dev/null 2>&1", detaching("61.234003")})
                .exit_status,
            0);
  EXPECT_FALSE(processes_with("61.234003").empty());
  EXPECT_TRUE(comes_true([] {  // some may still be about to fork
    const std::vector<int> left = processes_with("61.234003");
    for (const int pid : left) ::kill(pid, SIGKILL);
    return left.empty();
  }));
}

class FallbackDeath : public FallbackAttack, public ::testing::WithParamInterface<const char*> {};

// The supervisor's own child, or the supervisor: whoever is left ends the sandbox.
TEST_P(FallbackDeath, OfOneOfItsKeepersEndsAll) {
  const bool of_supervisor = std::string(GetParam()) == "supervisor";
  const std::string mark = of_supervisor ? "61.234004" : "61.234005";
  RunningProgram sandbox(yett_command({"run", "--mode", "fallback", "--", "python3", "-u", "-c",
                                       detaching(mark) + "print(os.getppid())\ntime.sleep(60)\n"}),
                         in_a_container());
  ASSERT_TRUE(sandbox.wait_for_output("\n", std::chrono::seconds(30)));
  ::kill(of_supervisor ? sandbox.pid() : std::atoi(sandbox.output().c_str()), SIGKILL);
  static_cast<void>(sandbox.wait());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!processes_with(mark).empty() && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_TRUE(processes_with(mark).empty());
}
INSTANTIATE_TEST_SUITE_P(All, FallbackDeath, ::testing::Values("supervisor", "first process"));

// SECURITY(fallback-forks)
TEST_F(FallbackAttack, AForkBombIsHeldWithinATenth) {
  for (const char* bomb : {kPlainBomb, kDyingBomb}) {
    const std::string mark = "61.234006" + std::to_string(::getpid());
    RunningProgram running(yett_command(bomb_command("fallback", mark, bomb)), in_a_container());
    expect_bomb_is_held(running, mark);
  }
}

}  // namespace
}  // namespace yett::test
