// A sandbox with limits sees them as the machine's: by the programs that people size themselves
// with, beside the same programs told nothing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

constexpr std::uint64_t kMemory = 256ULL << 20;

class ToldLimits : public ::testing::Test {
 protected:
  void SetUp() override { YETT_REQUIRE(::geteuid() == 0, "sandboxes need root"); }

  static std::string run(std::vector<std::string> flags, std::vector<std::string> command) {
    std::vector<std::string> words{"run"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.emplace_back("--");
    words.insert(words.end(), command.begin(), command.end());
    const RunResult ended = run_yett(std::move(words));
    EXPECT_EQ(ended.exit_status, 0) << ended.text();
    return ended.out;
  }
  static std::string shell(std::vector<std::string> flags, const std::string& script) {
    return run(std::move(flags), {"sh", "-c", script});
  }
  static std::string native(const std::string& script) {
    return run_program({"sh", "-c", script}).out;
  }
  static bool has(const std::string& program) { return ::access(program.c_str(), X_OK) == 0; }
  // Of the CPUs that this test may use.
  static unsigned at_most(unsigned count) {
    return std::min(count, static_cast<unsigned>(std::stoul(native("nproc"))));
  }
};

const std::vector<std::string> kSmall{"-m", "256M", "--cpus", "1"};
const std::vector<std::string> kOneAndAHalf{"-m", "256M", "--cpus", "1.5"};
const std::vector<std::string> kSmallUntold{"-m", "256M", "--cpus", "1", "--truth", "host"};

TEST_F(ToldLimits, NprocSeesWholeCpus) {
  EXPECT_EQ(run(kSmall, {"nproc"}), "1\n");
  EXPECT_EQ(run(kOneAndAHalf, {"nproc"}), std::to_string(at_most(2)) + "\n");
  EXPECT_EQ(run(kSmallUntold, {"nproc"}), native("nproc"));
  EXPECT_EQ(run({"-m", "256M"}, {"nproc"}), native("nproc"));
}

TEST_F(ToldLimits, FreeSeesTheLimitAndWhatIsUsedOfIt) {
  const char* total = "free -b | awk '/^Mem/ { print $2 }'";
  EXPECT_EQ(shell(kSmall, total), std::to_string(kMemory) + "\n");
  EXPECT_EQ(shell(kSmallUntold, total), native(total));
  EXPECT_EQ(shell({}, total), native(total));
  // 100 MiB kept in a tmpfs are used the moment they are written.
  const std::string used = shell(kSmall,
                                 "free -m | awk '/^Mem/ { print $3 + $6 }';"
                                 "head -c 100M /dev/zero > /dev/shm/kept 2> /dev/null ||"
                                 " head -c 40M /dev/zero > /tmp/kept;"
                                 "free -m | awk '/^Mem/ { print $3 + $6 }'");
  std::istringstream lines(used);
  long before = -1;
  long after = -1;
  lines >> before >> after;
  EXPECT_GE(before, 0) << used;
  EXPECT_GE(after - before, 30) << used;
}

TEST_F(ToldLimits, UptimeIsTheSandboxsAge) {
  EXPECT_LT(std::stod(shell(kSmall, "cat /proc/uptime")), 60.0);
  EXPECT_NE(shell(kSmall, "uptime").find("load average: 0.0"), std::string::npos);
  std::ifstream host("/proc/uptime");
  double age = 0;
  host >> age;
  EXPECT_GE(std::stod(shell(kSmallUntold, "cat /proc/uptime")), age);
}

TEST_F(ToldLimits, PythonSizesItself) {
  YETT_REQUIRE(has("/usr/bin/python3"), "python3 is missing");
  const char* script =
      "import os; print(os.cpu_count(), len(os.sched_getaffinity(0)),"
      " os.sysconf('SC_NPROCESSORS_ONLN'), os.sysconf('SC_PHYS_PAGES') * 4096)";
  const auto python = [&](const std::vector<std::string>& flags) {
    return run(flags, {"/usr/bin/python3", "-c", script});
  };
  EXPECT_EQ(python(kSmall), "1 1 1 " + std::to_string(kMemory) + "\n");
  const std::string two = std::to_string(at_most(2));
  EXPECT_EQ(python(kOneAndAHalf),
            two + " " + two + " " + two + " " + std::to_string(kMemory) + "\n");
  const std::string cpus = std::to_string(at_most(~0U));
  EXPECT_TRUE(python(kSmallUntold).starts_with(cpus + " " + cpus + " "));
}

TEST_F(ToldLimits, NodeSizesItself) {
  YETT_REQUIRE(has("/usr/bin/node"), "node is missing");
  const char* script =
      "const os = require('os'); console.log(os.cpus().length, os.totalmem(), os.freemem() < "
      "os.totalmem())";
  const auto node = [&](const std::vector<std::string>& flags) {
    return run(flags, {"/usr/bin/node", "-e", script});
  };
  EXPECT_EQ(node(kSmall), "1 " + std::to_string(kMemory) + " true\n");
  EXPECT_EQ(node(kOneAndAHalf),
            std::to_string(at_most(2)) + " " + std::to_string(kMemory) + " true\n");
  EXPECT_TRUE(node(kSmallUntold).starts_with(std::to_string(at_most(~0U)) + " "));
}

// A quarter of the memory is a virtual machine's heap.
TEST_F(ToldLimits, AJavaVirtualMachineSizesItself) {
  YETT_REQUIRE(has("/usr/bin/java"), "no Java here");
  const char* script =
      "java -XX:+PrintFlagsFinal -version 2> /dev/null | awk '$2 == \"MaxHeapSize\" { print $4 }'";
  std::vector<std::string> flags = kSmall;
  for (const char* path : {"/etc/java-17-openjdk", "/etc/java-21-openjdk", "/etc/java-11-openjdk"})
    if (::access(path, F_OK) == 0)
      flags.insert(flags.end(), {"-v", std::string(path) + ":" + path + ":ro"});
  const std::string heap = shell(flags, script);
  ASSERT_FALSE(heap.empty());
  EXPECT_GE(std::stoull(heap), 32ULL << 20);
  EXPECT_LE(std::stoull(heap), kMemory / 2);
}

TEST_F(ToldLimits, FilesOfSysAndCgroupTellTheSame) {
  const std::string told =
      shell(kOneAndAHalf,
            "cd /sys/fs/cgroup && cat cpu.max memory.max && cat /sys/devices/system/cpu/online");
  const std::string online = at_most(2) == 2 ? "0-1\n" : "0\n";
  EXPECT_EQ(told, "150000 100000\n" + std::to_string(kMemory) + "\n" + online);
  EXPECT_EQ(shell(kOneAndAHalf, "cat /sys/devices/system/cpu/possible"),
            native("cat /sys/devices/system/cpu/possible"));
  EXPECT_EQ(shell(kSmall, "grep -c ^processor /proc/cpuinfo; grep -c '^cpu[0-9]' /proc/stat"),
            "1\n1\n");
}

TEST_F(ToldLimits, NothingIsMountedWithoutALimit) {
  EXPECT_EQ(shell({}, "ls -d /sys 2> /dev/null; grep -c proc/meminfo /proc/self/mountinfo; true"),
            "0\n");
  EXPECT_EQ(shell({}, "grep MemTotal /proc/meminfo"), native("grep MemTotal /proc/meminfo"));
}

// The sandbox's own places below /sys come first.
TEST_F(ToldLimits, AVolumeBelowSysStays) {
  std::vector<std::string> flags = kSmall;
  flags.insert(flags.end(), {"-v", "/sys/devices/system/cpu:/sys/devices/system/cpu:ro"});
  EXPECT_EQ(shell(flags,
                  "cat /sys/devices/system/cpu/online; ls /sys/devices/system/cpu/cpu0 |"
                  " head -n 1 | wc -l"),
            "0\n1\n");
}

TEST_F(ToldLimits, AllReadersSeeWholeFiles) {
  const std::string told =
      shell(kSmall,
            "for i in 1 2 3 4; do (n=0; while [ $n -lt 300 ]; do"
            " awk 'END { if (NR < 20 || $1 != \"SwapFree:\") print \"torn\" }' /proc/meminfo;"
            " n=$((n + 1)); done) & done; wait; echo done");
  EXPECT_EQ(told, "done\n");
}

// SECURITY(read-budget): reads cost the supervisor's time, so a flood of them is slowed down; 1,000
// are answered at once.
TEST_F(ToldLimits, AFloodOfReadsIsSlowedDown) {
  YETT_REQUIRE(has("/usr/bin/python3"), "python3 is missing");
  const std::string told = run(kSmall, {"/usr/bin/python3", "-c",
                                        "import os, time\n"
                                        "file = os.open('/proc/meminfo', os.O_RDONLY)\n"
                                        "began = time.monotonic()\n"
                                        "for i in range(6000): os.pread(file, 64, 0)\n"
                                        "print(time.monotonic() - began > 0.8)\n"
                                        "print(len(os.pread(file, 64, 0)))\n"});
  EXPECT_EQ(told, "True\n64\n");
}

TEST_F(ToldLimits, UnameTellsWhatThePolicySays) {
  const std::string policy = "/tmp/yett-truth-" + std::to_string(::getpid()) + ".toml";
  std::ofstream(policy) << "[syscalls]\nemulate = [\"sysinfo\", \"setrlimit\", \"prlimit64\", "
                           "\"uname\"]\n[truth]\nrelease = \"5.10.0-told\"\n";
  const std::string told =
      shell({"--policy", policy}, "uname -r; cat /proc/sys/kernel/osrelease; cat /proc/version");
  EXPECT_EQ(told, "5.10.0-told\n5.10.0-told\nLinux version 5.10.0-told #1 SMP\n");
  EXPECT_EQ(shell({}, "uname -r"), native("uname -r"));
  ::unlink(policy.c_str());
}

}  // namespace
}  // namespace yett::test
