// What root of a range of ids tries beyond it: nothing of the host's gives way because there are
// more ids than one.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/integration/ids_fixture.hpp"

namespace yett::test {
namespace {

class RootlessIdsAttack : public IdsCase {
 protected:
  // A file in the volume with this owner and mode.
  std::string leave(const std::string& volume, const std::string& name, uid_t uid, gid_t gid,
                    mode_t mode) const {
    const std::string path = volume + "/" + name;
    std::ofstream(path) << "canary\n";
    EXPECT_EQ(::chown(path.c_str(), uid, gid), 0);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
};

// SECURITY(ids-capabilities)
TEST_F(RootlessIdsAttack, ItIsRootOfItsIdsAndOfNothingElse) {
  const RunResult result = python(
      "import os, ctypes, socket\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "told = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
      "for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs'):\n"
      "  print(name, told[name].strip())\n"
      "def got(name, *words):\n"
      "  if getattr(libc, name)(*words) >= 0: print('got', name)\n"
      "got('mount', b'x', b'/tmp', b'tmpfs', 0, None)\n"
      "got('umount2', b'/proc', 0)\n"
      "got('unshare', 0x10000000)\n"
      "got('chroot', b'/')\n"
      "got('sethostname', b'x', 1)\n"
      "got('mknod', b'/tmp/n', 0o60600, 0x0100)\n"
      "got('setdomainname', b'x', 1)\n"
      "open('/tmp/f', 'w')\n"
      "got('setxattr', b'/tmp/f', b'security.capability',\n"
      "    bytes.fromhex('0100000200200000000000000000000000000000'), 20, 0)\n"
      "got('chmod', b'/tmp/f', 0o600)\n");  // the twin
  EXPECT_EQ(result.out,
            "CapInh 0000000000000000\nCapPrm 00000000000000eb\nCapEff 00000000000000eb\n"
            "CapBnd 00000000000000eb\nCapAmb 0000000000000000\nNoNewPrivs 1\ngot chmod\n")
      << result.text();
}

// What belongs to nobody of its ids is as far away as for anybody; what belongs to one of them is
// not.
TEST_F(RootlessIdsAttack, OthersFilesStayTheirs) {
  const std::string volume = directory("volume");
  leave(volume, "roots", 0, 0, 0600);
  leave(volume, "beyond", kFirstMore + kManyMore, kFirstMore + kManyMore, 0600);
  leave(volume, "before", kFirstMore - 1, kFirstMore - 1, 0600);
  leave(volume, "last", kFirstMore + kManyMore - 1, kFirstMore + kManyMore - 1, 0600);
  const RunResult result = run_with_ids({"-v", volume + ":/data", "--", "python3", "-c",
                                         "import os\n"
                                         "for name in ('roots', 'beyond', 'before', 'last'):\n"
                                         "  for what in (lambda p: open(p).read(), lambda p: "
                                         "os.chown(p, 5, 5), lambda p: os.chmod(p, 0o666)):\n"
                                         "    try: what('/data/' + name); print(name)\n"
                                         "    except OSError as e: pass\n"
                                         "for id in (1001, 65534, 61234):\n"
                                         "  try: os.setuid(id); print(id)\n"
                                         "  except OSError as e: print(e.errno)\n"});
  EXPECT_EQ(result.out, "last\nlast\nlast\n22\n22\n22\n") << result.text();
  struct stat status{};
  ASSERT_EQ(::stat((volume + "/roots").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

// No file of the host becomes set-uid for one of the ids: its user could then be executed by
// anybody.
TEST_F(RootlessIdsAttack, NoSetIdBitsForOtherIds) {
  const std::string volume = directory("volume");
  const std::string tries =
      "import os\n"
      "open('/data/f', 'w').write('x')\nos.chown('/data/f', 7, 7)\n"
      "for mode in (0o4755, 0o2755, 0o755):\n"
      "  try: os.chmod('/data/f', mode)\n"
      "  except OSError as e: pass\n"
      "  print(oct(os.stat('/data/f').st_mode & 0o7777))\n";
  const RunResult result = run_with_ids({"-v", volume + ":/data", "--", "python3", "-c", tries});
  EXPECT_EQ(result.out.find("0o4"), std::string::npos) << result.text();
  EXPECT_EQ(result.out.find("0o2"), std::string::npos) << result.text();
  EXPECT_NE(result.out.find("0o755\n"), std::string::npos) << result.text();
}

// A group can deny its members something: who cannot leave it outside leaves it in no sandbox.
TEST_F(RootlessIdsAttack, NobodyLeavesAGroupOfTheCallers) {
  const std::string volume = directory("volume");
  leave(volume, "denied", 0, kOtherGroup, 0604);
  const std::string tries =
      "import os\n"
      "try: os.setgroups([]); print('left')\n"
      "except OSError as e: print(e.errno)\n"
      "try: print(open('/data/denied').read().strip())\n"
      "except OSError as e: print(e.errno)\n";
  const std::vector<std::string> words{"-v", volume + ":/data:ro", "--", "python3", "-c", tries};
  const RunResult held = run_with_ids(words, {kOtherGroup});
  EXPECT_EQ(held.out, "1\n13\n") << held.text();
  const RunResult twin = run_with_ids(words);
  EXPECT_EQ(twin.out, "left\ncanary\n") << twin.text();
}

// CAP_KILL reaches what is in its namespace: PID 1 there, which is yett's, is not to be killed.
TEST_F(RootlessIdsAttack, OtherProcessesAreOutOfReach) {
  RunningProgram other({"sleep", "60"}, home_->options());
  const RunResult result = python(
      "import os, signal\n"
      "for pid in (" +
      std::to_string(other.pid()) +
      ", 1):\n"
      "  try: os.kill(pid, 9)\n  except OSError as e: print(e.errno)\n"
      "child = os.fork()\n"
      "if child == 0:\n  os.setuid(44)\n  signal.pause()\n"
      "os.kill(child, 9)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))\n"  // the twin
      "try: os.open('/proc/1/mem', os.O_RDWR)\nexcept OSError as e: print(e.errno)\n");
  EXPECT_EQ(::kill(other.pid(), 0), 0);
  EXPECT_EQ(result.out, "3\n1\n-9\n13\n") << result.text();
}

// Each id has a count of its own for RLIMIT_NPROC. SECURITY(ids-count)
TEST_F(RootlessIdsAttack, ManyIdsMakeNoMoreProcesses) {
  const std::string forks =
      "import os, time\n"
      "made = 0\n"
      "for id in range(1, 20):\n"
      "  r, w = os.pipe()\n"
      "  if os.fork() == 0:\n"
      "    os.setuid(id)\n"
      "    n = 0\n"
      "    try:\n"
      "      while n < 60:\n"
      "        if os.fork() == 0: time.sleep(60)\n"
      "        n += 1\n"
      "    except OSError: pass\n"
      "    os.write(w, b'%d' % (n + 1))\n"
      "    time.sleep(60)\n"
      "  os.close(w)\n"
      "  made += int(os.read(r, 9))\n"
      "  print(made, flush=True)\n";
  const RunResult result =
      run_with_ids({"--pids", "50", "--time", "20s", "--", "python3", "-c", forks});
  const std::size_t last = result.out.find_last_of('\n', result.out.size() - 2);
  const int made = std::atoi(result.out.c_str() + (last == std::string::npos ? 0 : last + 1));
  EXPECT_LE(made, 55) << result.text();
  EXPECT_GE(made, 40) << result.text();
}

}  // namespace
}  // namespace yett::test
