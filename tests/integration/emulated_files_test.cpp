// Calls on files that a policy has the supervisor carry out: mknod, mount, setxattr, and the
// scheduler's two; each beside the same call under a policy that does not list it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

class EmulatedFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "sandboxes need root");
    YETT_REQUIRE(::access("/usr/bin/python3", X_OK) == 0, "python3 is missing");
    policy_ = "/tmp/yett-emulated-" + std::to_string(::getpid()) + ".toml";
    std::ofstream(policy_)
        << "[syscalls]\nemulate = [\"sysinfo\", \"setrlimit\", \"prlimit64\", \"mknod\", "
           "\"mknodat\", \"mount\", \"setxattr\", \"lsetxattr\", \"fsetxattr\", "
           "\"sched_setscheduler\", \"setpriority\"]\n";
  }
  void TearDown() override {
    if (!policy_.empty()) ::unlink(policy_.c_str());
  }

  // Python with `libc` (ctypes) and `call(name, ...)`, which gives the call's name and its errno.
  [[nodiscard]] std::string python(const std::string& script, bool listed = true) const {
    const std::string before =
        "import ctypes, errno, os, stat\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(name, *arguments):\n"
        "  ctypes.set_errno(0)\n"
        "  result = getattr(libc, name)(*arguments)\n"
        "  print(name, 'ok' if result == 0 else errno.errorcode[ctypes.get_errno()])\n"
        "os.chdir('/tmp')\n";
    std::vector<std::string> words{"run", "-m", "256M"};
    if (listed) words.insert(words.end(), {"--policy", policy_});
    words.insert(words.end(), {"--", "/usr/bin/python3", "-c", before + script});
    const RunResult ended = run_yett(std::move(words));
    EXPECT_EQ(ended.exit_status, 0) << ended.text();
    return ended.out;
  }

 private:
  std::string policy_;
};

TEST_F(EmulatedFiles, NodesThatEverybodyHas) {
  const char* script =
      "os.mkdir('d'); os.chdir('d')\n"
      "call('mknod', b'null', stat.S_IFCHR | 0o666, os.makedev(1, 3))\n"
      "call('mknodat', -100, b'/tmp/d/urandom', stat.S_IFCHR | 0o666, os.makedev(1, 9))\n"
      "if os.path.exists('null'):\n"
      "  print(open('null', 'wb').write(b'x'), open('null', 'rb').read())\n"
      "  print(os.stat('null').st_rdev == os.makedev(1, 3), len(open('urandom', 'rb').read(8)))\n";
  EXPECT_EQ(python(script), "mknod ok\nmknodat ok\n1 b''\nTrue 8\n");
  EXPECT_EQ(python(script, false), "mknod EPERM\nmknodat EPERM\n");
}

TEST_F(EmulatedFiles, NoOtherNodeAndNoOtherPlace) {
  EXPECT_EQ(python("call('mknod', b'mem', stat.S_IFCHR | 0o666, os.makedev(1, 1))\n"
                   "call('mknod', b'sda', stat.S_IFBLK | 0o666, os.makedev(8, 0))\n"
                   "call('mknod', b'/usr/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))\n"
                   "call('mknod', b'/tmp/no/null', stat.S_IFCHR | 0o666, os.makedev(1, 3))\n"
                   "call('mknod', None, stat.S_IFCHR | 0o666, os.makedev(1, 3))\n"
                   "open('there', 'w')\n"
                   "call('mknod', b'there', stat.S_IFCHR | 0o666, os.makedev(1, 3))\n"
                   "call('mknodat', 77, b'null', stat.S_IFCHR | 0o666, os.makedev(1, 3))\n"
                   "call('mknod', b'fifo', stat.S_IFIFO | 0o666, 0)\n"),
            "mknod EPERM\nmknod EPERM\nmknod EROFS\nmknod ENOENT\nmknod EFAULT\nmknod EEXIST\n"
            "mknodat EBADF\nmknod ok\n");
}

// SECURITY(mount-count): each node is a mount, and each mount memory of the kernel's.
TEST_F(EmulatedFiles, NodesAreMountsAndCountAsSuch) {
  EXPECT_EQ(
      python("made = 0; null = os.makedev(1, 3)\n"
             "while made < 300 and libc.mknod(b'%d' % made, stat.S_IFCHR | 0o666, null) == 0:\n"
             "  made += 1\n"
             "print(100 < made < 256, errno.errorcode[ctypes.get_errno()])\n"
             "print(len(open('/proc/self/mountinfo').readlines()))\n"),
      "True ENOSPC\n256\n");
}

TEST_F(EmulatedFiles, MountsOfWhatTheSandboxHas) {
  const char* script =
      "os.mkdir('t'); os.mkdir('b'); os.mkdir('p')\n"
      "call('mount', b'none', b't', b'tmpfs', 0, b'size=1m,mode=700')\n"
      "call('mount', b'/usr/share', b'b', None, 4096, None)\n"
      "call('mount', b'proc', b'p', b'proc', 0, None)\n"
      "call('mount', None, b't', None, 32 | 4096 | 1, None)\n";
  const std::string inside =
      "print(sorted(os.listdir('b')) == sorted(os.listdir('/usr/share')))\n"
      "print(open('p/meminfo').readline() == open('/proc/meminfo').readline())\n"
      "try: open('t/x', 'w')\n"
      "except OSError as error: print(errno.errorcode[error.errno])\n"
      "try: open('b/x', 'w')\n"
      "except OSError as error: print(errno.errorcode[error.errno])\n";
  EXPECT_EQ(python(script + inside),
            "mount ok\nmount ok\nmount ok\nmount ok\nTrue\nTrue\nEROFS\nEROFS\n");
  EXPECT_EQ(python(script, false), "mount EPERM\nmount EPERM\nmount EPERM\nmount EPERM\n");
}

TEST_F(EmulatedFiles, MountsNothingElseAndWidensNothing) {
  EXPECT_EQ(python("os.mkdir('t')\n"
                   "call('mount', b'none', b't', b'sysfs', 0, None)\n"
                   "call('mount', b'none', b't', b'cgroup2', 0, None)\n"
                   "call('mount', b'none', b't', b'overlay', 0, b'lowerdir=/')\n"
                   "call('mount', b'none', b't', b'tmpfs', 0, b'context=x')\n"
                   "call('mount', b'none', b't', b'tmpfs', 0, b'uid=0')\n"
                   "call('mount', b'none', b'/nowhere', b'tmpfs', 0, None)\n"
                   "call('mount', b'/nowhere', b't', None, 4096, None)\n"
                   "call('mount', b'/', b't', None, 1 << 20, None)\n"
                   "call('mount', b't', b't', None, 8192, None)\n"
                   "call('mount', b'none', b'/', b'tmpfs', 32, None)\n"
                   "call('mount', b'none', b't', b'tmpfs', 0, None)\n"
                   "print(os.statvfs('t').f_flag & (os.ST_NOEXEC | os.ST_NOSUID | os.ST_NODEV) =="
                   " os.ST_NOEXEC | os.ST_NOSUID | os.ST_NODEV)\n"),
            "mount EPERM\nmount EPERM\nmount EPERM\nmount EINVAL\nmount EINVAL\nmount ENOENT\n"
            "mount ENOENT\nmount EPERM\nmount EPERM\nmount EPERM\nmount ok\nTrue\n");
}

// A copy without its masks would show what they hide, and a told file's would tell the host's.
TEST_F(EmulatedFiles, ABindHasWhatIsMountedBelow) {
  EXPECT_EQ(python("os.mkdir('r')\n"
                   "call('mount', b'/', b'r', None, 4096, None)\n"
                   "print(open('r/proc/meminfo').readline().split()[1])\n"
                   "print(os.path.getsize('r/proc/kallsyms'), "
                   "len(open('r/proc/interrupts').read()))\n"),
            "mount ok\n262144\n0 0\n");
}

TEST_F(EmulatedFiles, AttributesAreKeptWhereTheyMeanNothing) {
  const char* script =
      "open('f', 'w')\n"
      "call('setxattr', b'f', b'trusted.overlay.opaque', b'y', 1, 0)\n"
      "call('lsetxattr', b'f', b'security.capability', b'abcd', 4, 0)\n"
      "descriptor = os.open('f', os.O_RDWR)\n"
      "call('fsetxattr', descriptor, b'user.own', b'1', 1, 0)\n"
      "call('setxattr', b'/usr/bin/true', b'user.x', b'1', 1, 0)\n"
      "call('setxattr', b'nothing', b'user.x', b'1', 1, 0)\n"
      "call('fsetxattr', 99, b'user.x', b'1', 1, 0)\n"
      "print(sorted(os.listxattr('f')))\n";
  const std::string told = python(script);
  if (told.find("EOPNOTSUPP") != std::string::npos)
    GTEST_SKIP() << "this kernel's tmpfs has no user attributes (Linux 6.6)";
  EXPECT_EQ(told,
            "setxattr ok\nlsetxattr ok\nfsetxattr ok\nsetxattr EROFS\nsetxattr ENOENT\n"
            "fsetxattr EBADF\n['user.own', 'user.yett.security.capability', "
            "'user.yett.trusted.overlay.opaque']\n");
  EXPECT_TRUE(
      python(script, false).starts_with("setxattr EPERM\nlsetxattr EINVAL\nfsetxattr ok\n"));
}

// The supervisor's child is no thread of the sandbox's: ids in a value would be the host's, and
// links of /proc lead where the caller alone may go.
TEST_F(EmulatedFiles, AttributesAreSetByPlainWaysOnly) {
  const std::string told = python(
      "open('f', 'w')\n"
      "call('setxattr', b'f', b'system.posix_acl_access', b'x' * 28, 28, 0)\n"
      "call('setxattr', b'/proc/%d/root/tmp/f' % os.getpid(), b'user.x', b'1', 1, 0)\n"
      "call('setxattr', b'/proc/%d/fd/0' % os.getpid(), b'user.x', b'1', 1, 0)\n"
      "os.symlink('f', 'l')\n"
      "call('lsetxattr', b'l', b'user.x', b'1', 1, 0)\n"
      "call('setxattr', b'l', b'user.y', b'1', 1, 0)\n"
      "print(os.listxattr('f'))\n");
  if (told.find("setxattr ENOTSUP\n[") != std::string::npos)
    GTEST_SKIP() << "this kernel's tmpfs has no user attributes (Linux 6.6)";
  EXPECT_EQ(told,
            "setxattr ENOTSUP\nsetxattr ELOOP\nsetxattr ELOOP\nlsetxattr EPERM\nsetxattr ok\n"
            "['user.y']\n");
}

// SECURITY(own-threads): process 1 is another one.
TEST_F(EmulatedFiles, PrioritiesComeBackToWhereTheyBegan) {
  const char* script =
      "first = os.getpriority(0, 0)\n"
      "call('setpriority', 0, 0, first + 8)\n"
      "call('setpriority', 0, 0, first)\n"
      "call('setpriority', 0, 0, first - 1)\n"
      "call('setpriority', 0, os.getpid(), first + 5)\n"
      "call('setpriority', 0, 1, first + 5)\n"
      "print(os.getpriority(0, 0) - first)\n"
      "none = ctypes.c_int(0); ten = ctypes.c_int(10)\n"
      "call('sched_setscheduler', 0, 5, ctypes.byref(none))\n"
      "call('sched_setscheduler', 0, 0, ctypes.byref(none))\n"
      "call('sched_setscheduler', 0, 1, ctypes.byref(ten))\n"
      "print(os.sched_getscheduler(0))\n";
  EXPECT_EQ(python(script),
            "setpriority ok\nsetpriority ok\nsetpriority EACCES\nsetpriority ok\n"
            "setpriority EPERM\n5\nsched_setscheduler ok\nsched_setscheduler ok\n"
            "sched_setscheduler EPERM\n0\n");
  EXPECT_TRUE(python(script, false).starts_with("setpriority ok\nsetpriority EACCES\n"));
}

}  // namespace
}  // namespace yett::test
