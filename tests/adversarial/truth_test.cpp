// What is told of the machine, against a sandbox that wants to change it or to see behind it.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cstdlib>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

class Truth : public HostUnchanged {};

// SECURITY(truth-read-only)
TEST_F(Truth, ToldFilesCanNeitherBeChangedNorLookedBehind) {
  const Results inside = results_of(run_attack({"told_limits"}, {"-m", "256M", "--cpus", "1"}));
  for (const char* attempt :
       {"write_meminfo", "write_stat", "write_online", "write_memory_max", "truncate_meminfo",
        "unlink_online", "chmod_online", "make_in_sys", "reopen_meminfo"})
    expect_result(inside, attempt, "EROFS|EACCES|EPERM", "inside");
  for (const char* attempt : {"umount_meminfo", "umount_proc", "copy_proc"})
    expect_result(inside, attempt, "EPERM|ENOSYS", "inside");
  expect_result(inside, "behind_meminfo", "EACCES", "inside");
  expect_result(inside, "read_meminfo", "ok", "inside");
}

// Told nothing, it sees the host's.
TEST_F(Truth, WithoutItTheHostIsSeen) {
  const Results untold =
      results_of(run_attack({"told_limits", "behind_meminfo"}, {"-m", "256M", "--truth", "host"}));
  expect_result(untold, "behind_meminfo", "ok", "with --truth host");
}

class Emulations : public HostUnchanged {
 protected:
  [[nodiscard]] std::string policy() const {
    const std::string path = work() + "/policy.toml";
    write_file(path, "[syscalls]\nemulate = [\"mount\", \"setxattr\", \"sched_getaffinity\"]\n");
    return path;
  }
};

// SECURITY(in-target), SECURITY(copy-once): what was decided on is what was done.
TEST_F(Emulations, StringsRewrittenAfterTheCheck) {
  const std::string volume = work() + "/volume";
  ASSERT_EQ(::mkdir(volume.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(volume.c_str(), 0777), 0);
  write_file(volume + "/file", "", 0666);
  const std::string calls = std::to_string(repeated(400));
  const char* flips = std::getenv("YETT_LONG") != nullptr ? "1000000" : "0";
  const RunResult run = run_attack({"flip_names", calls, "/data/file", flips},
                                   {"--policy", policy(), "-v", volume + ":/data"});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  EXPECT_NE(run.out.find("forbidden 0\n"), std::string::npos) << run.text();
  EXPECT_EQ(run.out.find("mounted 0 "), std::string::npos) << run.text();
  EXPECT_EQ(run.out.find("refused 0 "), std::string::npos) << run.text();
  std::array<char, 4096> names{};
  const ssize_t size = ::listxattr((volume + "/file").c_str(), names.data(), names.size());
  const std::string_view all(names.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  EXPECT_FALSE(all.starts_with("trusted.")) << all;
  EXPECT_EQ(all.find(std::string("\0trusted.", 9)), std::string_view::npos) << all;
}

// SECURITY(masks): binds of everything do not take masks off, and links lead nowhere else.
TEST_F(Emulations, NoMountShowsWhatWasHidden) {
  const RunResult run = run_yett(
      {"run", "--policy", policy(), "--", "/usr/bin/python3", "-c",
       "import ctypes, os\n"
       "libc = ctypes.CDLL(None)\n"
       "os.chdir('/tmp'); os.mkdir('r'); os.mkdir('p'); os.symlink('/proc/1/root', 'l')\n"
       "print(libc.mount(b'/proc', b'p', None, 4096, None))\n"
       "print(len(open('p/kallsyms').read()))\n"
       "print(libc.mount(b'l', b'r', None, 4096, None))\n"
       "print(libc.mount(b'/proc/self/root', b'r', None, 4096, None))\n"
       "print(libc.mount(b'../../../../..', b'r', None, 4096, None), os.path.exists('r/root'),"
       " sorted(os.listdir('r')) == sorted(os.listdir('/')))\n"});
  EXPECT_EQ(run.out, "0\n0\n-1\n-1\n0 False True\n") << run.text();
}

// SECURITY(proc-of-target): what is no file of the kernel's is not read, and not waited for.
TEST_F(Emulations, AFalseProcIsNotRead) {
  const RunResult run =
      run_yett({"run", "--policy", policy(), "--", "/usr/bin/python3", "-c",
                "import ctypes, os, subprocess\n"
                "libc = ctypes.CDLL(None)\n"
                "child = subprocess.Popen(['sleep', '100'])\n"
                "other = child.pid\n"
                "print(len(os.sched_getaffinity(other)) == len(os.sched_getaffinity(0)))\n"
                "os.makedirs(f'/tmp/f/{other}'); os.makedirs(f'/tmp/w/{other}')\n"
                "open(f'/tmp/f/{other}/status', 'w').write('x\\nCpus_allowed:\\tffffffff\\n')\n"
                "os.mkfifo(f'/tmp/w/{other}/status')\n"
                "for fake in (b'/tmp/f', b'/tmp/w'):\n"
                "  print(libc.mount(fake, b'/proc', None, 4096, None))\n"
                "  try: print(os.sched_getaffinity(other))\n"
                "  except OSError as error: print(error.strerror)\n"
                "child.kill()\n"});
  EXPECT_EQ(run.out, "True\n0\nNo such process\n0\nNo such process\n") << run.text();
}

}  // namespace
}  // namespace yett::test
