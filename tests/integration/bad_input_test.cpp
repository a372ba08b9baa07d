// Bad input: one clear line that names the thing and the mend, the right exit status, nothing left
// behind.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

// What a case changes about the process before yett starts.
enum class Setting { plain, unprivileged, few_files, no_loop_device, no_tool, tiny_disk };

struct BadInput {
  const char* name;
  std::vector<std::string> arguments;  // "@name" stands for the path of the file `name` of kFiles
  int exit_status;
  std::vector<std::string> said;  // each stands in the one line on stderr
  Setting setting = Setting::plain;
};

struct File {
  const char* name;
  std::string content;
};

const std::vector<File>& files() {
  static const std::vector<File> kFiles{
      {"text", "just text\n"},
      {"empty", ""},
      {"cut.sqfs", std::string("hsqs") + std::string(40, '\0')},
      {"garbage.sqfs", std::string("hsqs") + std::string(4096, '\xff')},
      {"garbage.erofs", std::string(1024, '\0') + "\xe2\xe1\xf5\xe0" + std::string(4096, '\xff')},
      {"env", "GOOD=1\n=bad\n"},
      {"syntax.toml", "[files\nread = []\n"},
      {"nameless.toml", "[;x]\n"},
      {"key.toml", "[limits]\nmemmory = \"64M\"\n"},
      {"table.toml", "[limit]\nmemory = \"64M\"\n"},
      {"type.toml", "[limits]\npids = \"many\"\n"},
      {"size.toml", "[limits]\nmemory = \"64X\"\n"},
      {"negative.toml", "[limits]\npids = -1\n"},
      {"wall.toml", "[limits]\nwall = \"5 parsecs\"\n"},
      {"relative.toml", "[files]\nread = [\"usr/lib\"]\n"},
      {"dots.toml", "[files]\nread = [\"/usr/../etc\"]\n"},
      {"endpoint.toml", "[network]\nmode = \"host\"\nconnect = [\"tcp:/10.0.0.1:80\"]\n"},
      {"port.toml", "[network]\nmode = \"host\"\nconnect = [\"tcp://10.0.0.1:99999\"]\n"},
      {"prefix.toml", "[network]\nmode = \"host\"\nconnect = [\"tcp://10.0.0.0/33:80\"]\n"},
      {"mode.toml", "[network]\nmode = \"bridge\"\n"},
      {"syscall.toml", "[syscalls]\nallow = [\"ptrase\"]\n"},
      {"extends.toml", "extends = \"plugim\"\n"},
      {"binary.toml", std::string("\x00\x01\xff\xfe", 4)},
      {"huge.toml", std::string(2U << 20, '#')},
      {"emulate.toml", "[syscalls]\nemulate = [\"read\"]\n"},
      {"on.toml", "[on]\nviolation = \"explode\"\n"},
      {"hardening.toml", "hardening = \"extreme\"\n"},
      {"notexec", "#!/bin/sh\n"},
  };
  return kFiles;
}

class BadInputTest : public ::testing::TestWithParam<BadInput> {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "the full mode needs root");
    std::string path = YETT_BUILD_DIR "/bad-input-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    for (const File& file : files())
      std::ofstream(directory_ + "/" + file.name, std::ios::binary) << file.content;
    std::filesystem::create_directory(directory_ + "/directory");
    std::ofstream(directory_ + "/directory/file") << std::string(1U << 20, 'x');
    ::chmod(path.c_str(), 0755);
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  std::string with_paths(std::string argument) const {
    for (std::size_t at = argument.find('@'); at != std::string::npos; at = argument.find('@', at))
      argument.replace(at, 1, directory_ + "/");
    return argument;
  }

  std::function<void()> prepare(Setting setting) const {
    switch (setting) {
      case Setting::unprivileged:
        return [own = directory_ + "/run"] {
          if (::mkdir(own.c_str(), 0700) != 0 || ::chown(own.c_str(), 65534, 65534) != 0 ||
              ::setenv("XDG_RUNTIME_DIR", own.c_str(), 1) != 0 || ::setgid(65534) != 0 ||
              ::setuid(65534) != 0)
            ::_exit(99);
        };
      case Setting::few_files:
        return [] {
          const rlimit limit{.rlim_cur = 6, .rlim_max = 6};
          ::setrlimit(RLIMIT_NOFILE, &limit);
        };
      case Setting::no_loop_device:
        return [] {
          ::unshare(CLONE_NEWNS);
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
          ::mount("/dev/null", "/dev/loop-control", nullptr, MS_BIND, nullptr);
        };
      case Setting::no_tool:
        return [] {
          ::unshare(CLONE_NEWNS);
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
          ::mount("/dev/null", "/usr/bin/mkfs.erofs", nullptr, MS_BIND, nullptr);
        };
      case Setting::tiny_disk:
        return [directory = directory_] {
          ::unshare(CLONE_NEWNS);
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
          ::mkdir((directory + "/tiny").c_str(), 0755);
          ::mount("tmpfs", (directory + "/tiny").c_str(), "tmpfs", 0, "size=64k");
        };
      case Setting::plain:
        break;
    }
    return {};
  }

  std::string directory_;
};

TEST_P(BadInputTest, IsToldInOneLine) {
  const BadInput& bad = GetParam();
  if (bad.setting == Setting::no_loop_device) {
    const RunResult packed =
        run_yett({"pack", "--quiet", directory_ + "/directory", directory_ + "/good.sqfs"});
    ASSERT_EQ(packed.exit_status, 0) << packed.text();
  }
  std::vector<std::string> arguments;
  for (const std::string& argument : bad.arguments) arguments.push_back(with_paths(argument));
  // The first run of all loads the BPF LSM programs, which an emulated machine takes long to
  // verify.
  const std::chrono::seconds limit(is_emulated_guest() ? 300 : 20);
  const RunResult result = run_yett(
      arguments, {.directory = "/", .timeout = limit, .before_exec = prepare(bad.setting)});
  EXPECT_EQ(result.exit_status, bad.exit_status) << result.text();
  EXPECT_EQ(result.out, "") << result.text();
  EXPECT_TRUE(result.err.starts_with("yett: ")) << result.text();
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.text();
  for (const std::string& word : bad.said)
    EXPECT_NE(result.err.find(with_paths(word)), std::string::npos) << "not said: " << word << "\n"
                                                                    << result.text();
}

const std::vector<BadInput>& cases() {
  static const std::vector<BadInput> kCases{
      {"UnknownCommand", {"frobnicate"}, 2, {"frobnicate", "--help"}},
      {"MistypedCommand", {"rn"}, 2, {"rn", "did you mean run"}},
      // ---- images
      {"NoCommand", {"run"}, 125, {"no command", "yett run -- COMMAND"}},
      {"NoSuchImage", {"run", "@nope.sqfs", "--", "true"}, 125, {"@nope.sqfs", "No such file"}},
      {"ProgramInPlaceOfImage", {"run", "ls"}, 125, {"ls", "yett run -- ls"}},
      {"TextAsImage", {"run", "@text", "--", "true"}, 125, {"@text", "yett pack"}},
      {"EmptyImage", {"run", "@empty", "--", "true"}, 125, {"@empty"}},
      {"DeviceAsImage", {"run", "/dev/null", "--", "true"}, 125, {"/dev/null"}},
      {"CutSquashfs", {"run", "@cut.sqfs", "--", "true"}, 125, {"@cut.sqfs"}},
      {"GarbageSquashfs", {"run", "@garbage.sqfs", "--", "true"}, 125, {"@garbage.sqfs"}},
      {"GarbageErofs", {"run", "@garbage.erofs", "--", "true"}, 125, {"@garbage.erofs"}},
      {"TwoImages", {"run", "@directory", "@directory", "--", "true"}, 125, {"IMAGE", "--"}},
      {"DirectoryWithoutCommand", {"run", "@directory"}, 125, {"@directory", "command"}},
      {"DirectoryWithoutProgram", {"run", "@directory", "--", "true"}, 127, {"true"}},
      {"NoLoopDevice", {"run", "@good.sqfs", "--", "true"}, 125, {"loop"}, Setting::no_loop_device},
      // ---- flags
      {"UnknownFlag", {"run", "--frobnicate", "--", "true"}, 125, {"--frobnicate", "--help"}},
      {"MissingValue", {"run", "-m"}, 125, {"--memory"}},
      {"MemoryZero", {"run", "-m", "0", "--", "true"}, 125, {"--memory 0", "64M"}},
      {"MemoryWord", {"run", "-m", "lots", "--", "true"}, 125, {"--memory lots"}},
      {"MemoryUnit", {"run", "-m", "12Q", "--", "true"}, 125, {"--memory 12Q"}},
      {"MemoryOverflow", {"run", "-m", "99999999999999G", "--", "true"}, 125, {"--memory"}},
      {"MemoryFraction", {"run", "-m", "1.5G", "--", "true"}, 125, {"--memory 1.5G"}},
      {"CpusZero", {"run", "--cpus", "0", "--", "true"}, 125, {"--cpus 0"}},
      {"CpusNan", {"run", "--cpus", "nan", "--", "true"}, 125, {"--cpus nan"}},
      {"CpusWord", {"run", "--cpus", "two", "--", "true"}, 125, {"--cpus two"}},
      {"PidsZero", {"run", "--pids", "0", "--", "true"}, 125, {"--pids 0"}},
      {"PidsOverflow", {"run", "--pids", "4294967296", "--", "true"}, 125, {"--pids 4294967296"}},
      {"PidsSpace", {"run", "--pids", " 5", "--", "true"}, 125, {"--pids"}},
      {"PidsHex", {"run", "--pids", "0x10", "--", "true"}, 125, {"--pids 0x10"}},
      {"TimeZero", {"run", "--time", "0", "--", "true"}, 125, {"--time 0"}},
      {"TimeUnit", {"run", "--time", "5d", "--", "true"}, 125, {"--time 5d", "30s"}},
      {"CpusHex", {"run", "--cpus", "0x1", "--", "true"}, 125, {"--cpus 0x1"}},
      {"CpusExponent", {"run", "--cpus", "1e0", "--", "true"}, 125, {"--cpus 1e0"}},
      {"CpusSpace", {"run", "--cpus", " 1", "--", "true"}, 125, {"--cpus"}},
      {"CpusTwoPoints", {"run", "--cpus", "1.0.0", "--", "true"}, 125, {"--cpus 1.0.0"}},
      {"MemoryEmpty", {"run", "-m", "", "--", "true"}, 125, {"--memory", "empty"}},
      {"MemoryEmptyAfterEquals", {"run", "--memory=", "--", "true"}, 125, {"--memory", "empty"}},
      {"UserEmpty", {"run", "-u", "", "--", "true"}, 125, {"--user", "empty"}},
      {"WorkdirEmpty", {"run", "-w", "", "--", "true"}, 125, {"--workdir", "empty"}},
      {"CpusEmpty", {"run", "--cpus", "", "--", "true"}, 125, {"--cpus", "empty"}},
      {"PidsEmpty", {"run", "--pids", "", "--", "true"}, 125, {"--pids", "empty"}},
      {"TimeEmpty", {"run", "--time", "", "--", "true"}, 125, {"--time", "empty"}},
      {"PolicyEmpty", {"run", "--policy", "", "--", "true"}, 125, {"--policy", "empty"}},
      {"NetEmpty", {"run", "--net", "", "--", "true"}, 125, {"--net", "empty"}},
      {"OverlayEmpty", {"run", "--overlay", "", "--", "true"}, 125, {"--overlay", "empty"}},
      {"AuditEmpty", {"run", "--audit", "", "--", "true"}, 125, {"--audit", "empty"}},
      {"ReportEmpty", {"run", "--report", "", "--", "true"}, 125, {"--report", "empty"}},
      {"NameEmpty", {"run", "--name", "", "--", "true"}, 125, {"--name", "empty"}},
      {"ImageEmpty", {"run", "", "--", "true"}, 125, {"IMAGE", "empty"}},
      {"NetBridge",
       {"run", "--net", "bridge", "--", "true"},
       125,
       {"--net bridge", "none or host"}},
      {"PublishNoAddress",
       {"run", "--publish", ":8080", "--", "true"},
       125,
       {"--publish :8080", "address is empty"}},
      {"PublishNoAddressTwoPorts",
       {"run", "--publish", ":8080:8080", "--", "true"},
       125,
       {"--publish :8080:8080", "address is empty"}},
      {"PublishEveryPort", {"run", "--publish", "*", "--", "true"}, 125, {"--publish *", "PORT"}},
      {"PublishEveryPortOfOne",
       {"run", "--publish", "127.0.0.1:*", "--", "true"},
       125,
       {"--publish 127.0.0.1:*", "PORT"}},
      {"ModeUnknown", {"run", "--mode", "turbo", "--", "true"}, 125, {"--mode turbo"}},
      {"ModeRootlessAsRoot",
       {"run", "--mode", "rootless", "--", "true"},
       125,
       {"--mode rootless", "as an ordinary user"}},
      {"ModeFallback", {"run", "--mode", "fallback", "--", "true"}, 125, {"--mode fallback"}},
      {"UserWord", {"run", "-u", "www-data", "--", "true"}, 125, {"-u www-data", "UID"}},
      {"UserOverflow", {"run", "-u", "4294967296", "--", "true"}, 125, {"-u 4294967296"}},
      {"UserThree", {"run", "-u", "1:2:3", "--", "true"}, 125, {"-u 1:2:3"}},
      {"UserMinusOne", {"run", "-u", "4294967295", "--", "true"}, 125, {"-u 4294967295"}},
      {"NameDots", {"run", "--name", "../x", "--", "true"}, 125, {"--name ../x"}},
      {"NameNewline", {"run", "--name", "a\nb", "--", "true"}, 125, {"--name a\\x0ab"}},
      {"RequireUnknown", {"run", "--require", "bogus", "--", "true"}, 125, {"bogus"}},
      // ---- paths
      {"VolumeNoColon", {"run", "-v", "/tmp", "--", "true"}, 125, {"-v /tmp", "SRC:DST"}},
      {"VolumeNoSource", {"run", "-v", ":/x", "--", "true"}, 125, {"-v :/x"}},
      {"VolumeRelativeTarget", {"run", "-v", "/tmp:x", "--", "true"}, 125, {"-v /tmp:x"}},
      {"VolumeMissingSource",
       {"run", "-v", "@nope:/x", "--", "true"},
       125,
       {"@nope", "No such file"}},
      {"VolumeOption", {"run", "-v", "/tmp:/x:rx", "--", "true"}, 125, {"-v /tmp:/x:rx"}},
      {"VolumeRoot", {"run", "-v", "/tmp:/", "--", "true"}, 125, {"-v /tmp:/"}},
      {"VolumeDots", {"run", "-v", "/tmp:/a/../b", "--", "true"}, 125, {"-v /tmp:/a/../b"}},
      {"VolumeInAReadOnlyVolume",
       {"run", "-v", "@directory:/data:ro", "-v", "@directory:/data/inner", "--", "true"},
       125,
       {"/data/inner", "does not exist", "make it on the host"}},
      {"WorkdirRelative", {"run", "-w", "x", "--", "true"}, 125, {"-w x", "absolute"}},
      {"WorkdirMissing", {"run", "-w", "/no/such", "--", "true"}, 125, {"/no/such", "-w"}},
      {"HereInRoot", {"run", "--here", "--", "true"}, 125, {"--here", "/"}},
      {"HereValue", {"run", "--here=wr", "--", "true"}, 125, {"wr"}},
      {"OverlayMissing", {"run", "--overlay", "@nope", "--", "true"}, 125, {"--overlay", "@nope"}},
      {"OverlayDirsRelative",
       {"run", "--overlay-dirs", "usr", "--", "true"},
       125,
       {"--overlay-dirs usr"}},
      {"ExecDirRelative", {"run", "--exec-dir", "x", "--", "true"}, 125, {"--exec-dir x"}},
      {"DataDirMissing",
       {"run", "--data-dir", "@nope", "--", "true"},
       125,
       {"--data-dir", "@nope"}},
      {"AuditNoDirectory", {"run", "--audit", "@nope/log", "--", "true"}, 125, {"@nope/log"}},
      {"AuditIsDirectory", {"run", "--audit", "@directory", "--", "true"}, 125, {"@directory"}},
      {"ReportNoDirectory", {"run", "--report", "@nope/r", "--", "true"}, 125, {"@nope/r"}},
      {"ReportOnFullDisk",
       {"run", "--report", "/dev/full", "--", "true"},
       125,
       {"/dev/full", "No space"}},
      // ---- environment
      {"EnvironmentNoName", {"run", "-e", "=x", "--", "true"}, 125, {"-e", "NAME=VALUE"}},
      {"EnvironmentFileMissing", {"run", "--env-file", "@nope", "--", "true"}, 125, {"@nope"}},
      {"EnvironmentFileIsDirectory",
       {"run", "--env-file", "@directory", "--", "true"},
       125,
       {"@directory"}},
      {"EnvironmentFileLine", {"run", "--env-file", "@env", "--", "true"}, 125, {"@env:2"}},
      // ---- programs
      {"NotFound", {"run", "--", "no-such-program"}, 127, {"no-such-program", "PATH"}},
      {"OnTheHostOnly",
       {"run", "--", "@notexec"},
       127,
       {"on the host but not inside", "--here", "-v"}},
      {"NotExecutable",
       {"run", "-v", "@notexec:/notexec:ro", "--", "/notexec"},
       126,
       {"/notexec", "ermission"}},
      {"DirectoryAsProgram", {"run", "--", "/usr"}, 126, {"/usr", "ermission"}},
      // ---- policies
      {"PolicyUnknown", {"run", "--policy", "plugim", "--", "true"}, 125, {"plugim", "plugin"}},
      {"PolicyMissing", {"run", "--policy", "@nope.toml", "--", "true"}, 125, {"@nope.toml"}},
      {"PolicyIsDirectory", {"run", "--policy", "@directory", "--", "true"}, 125, {"@directory"}},
      {"PolicySyntax", {"run", "--policy", "@syntax.toml", "--", "true"}, 125, {"@syntax.toml:1:"}},
      {"PolicyNamelessTable",
       {"run", "--policy", "@nameless.toml", "--", "true"},
       125,
       {"@nameless.toml:1:2"}},
      {"PolicyKey",
       {"run", "--policy", "@key.toml", "--", "true"},
       125,
       {"@key.toml:2:1", "memmory", "memory"}},
      {"PolicyTable",
       {"run", "--policy", "@table.toml", "--", "true"},
       125,
       {"@table.toml:1:", "limit", "limits"}},
      {"PolicyType",
       {"run", "--policy", "@type.toml", "--", "true"},
       125,
       {"@type.toml:2:", "pids"}},
      {"PolicySize",
       {"run", "--policy", "@size.toml", "--", "true"},
       125,
       {"@size.toml:2:", "memory"}},
      {"PolicyNegative",
       {"run", "--policy", "@negative.toml", "--", "true"},
       125,
       {"@negative.toml:2:", "pids"}},
      {"PolicyWall",
       {"run", "--policy", "@wall.toml", "--", "true"},
       125,
       {"@wall.toml:2:", "wall"}},
      {"PolicyRelativePath",
       {"run", "--policy", "@relative.toml", "--", "true"},
       125,
       {"@relative.toml:2:", "usr/lib"}},
      {"PolicyDots", {"run", "--policy", "@dots.toml", "--", "true"}, 125, {"@dots.toml:2:"}},
      {"PolicyEndpoint",
       {"run", "--policy", "@endpoint.toml", "--", "true"},
       125,
       {"@endpoint.toml:3:", "tcp:/"}},
      {"PolicyPort",
       {"run", "--policy", "@port.toml", "--", "true"},
       125,
       {"@port.toml:3:", "99999"}},
      {"PolicyPrefix",
       {"run", "--policy", "@prefix.toml", "--", "true"},
       125,
       {"@prefix.toml:3:", "33"}},
      {"PolicyMode",
       {"run", "--policy", "@mode.toml", "--", "true"},
       125,
       {"@mode.toml:2:", "bridge"}},
      {"PolicySyscall",
       {"run", "--policy", "@syscall.toml", "--", "true"},
       125,
       {"@syscall.toml:2:", "ptrase", "ptrace"}},
      {"PolicyExtends",
       {"run", "--policy", "@extends.toml", "--", "true"},
       125,
       {"@extends.toml:1:", "plugin"}},
      {"PolicyBinary", {"run", "--policy", "@binary.toml", "--", "true"}, 125, {"@binary.toml"}},
      {"PolicyHuge",
       {"run", "--policy", "@huge.toml", "--", "true"},
       125,
       {"@huge.toml", "larger"}},
      {"PolicyEmulate",
       {"run", "--policy", "@emulate.toml", "--", "true"},
       125,
       {"@emulate.toml:2:", "read"}},
      {"PolicyViolation",
       {"run", "--policy", "@on.toml", "--", "true"},
       125,
       {"@on.toml:2:", "explode"}},
      {"PolicyHardening",
       {"run", "--policy", "@hardening.toml", "--", "true"},
       125,
       {"@hardening.toml:1:", "extreme"}},
      // ---- the host
      {"NoPrivilege",
       {"run", "--mode", "full", "--", "true"},
       125,
       {"--mode full", "run yett as root"},
       Setting::unprivileged},
      {"FewFiles", {"run", "--", "true"}, 125, {"Too many open files"}, Setting::few_files},
      // ---- packages
      {"PackMissingDirectory", {"pack", "@nope", "@out.sqfs"}, 1, {"@nope"}},
      {"PackNoFormat", {"pack", "@directory", "@out.zip"}, 2, {"@out.zip", ".sqfs"}},
      {"PackCompressorOfTheOther",
       {"pack", "--compressor", "xz", "@directory", "@out.erofs"},
       2,
       {"xz", "lz4 or lzma"}},
      {"PackUnknownCompressor",
       {"pack", "--compressor", "rar", "@directory", "@out.sqfs"},
       2,
       {"rar", "zstd"}},
      {"PackExists",
       {"pack", "@directory", "@text.sqfs", "--format", "squashfs", "--manifest", "@nope"},
       1,
       {"@nope"}},
      {"PackUnknownProgram",
       {"pack", "--from-host", "no-such-program", "@out.sqfs"},
       1,
       {"no-such-program"}},
      {"PackMissingTool",
       {"pack", "-q", "@directory", "@out.erofs"},
       1,
       {"mkfs.erofs", "apt"},
       Setting::no_tool},
      {"PackFullDisk",
       {"pack", "-q", "--from-host", "/usr/bin/sqlite3", "@tiny/out.sqfs"},
       1,
       {"No space"},
       Setting::tiny_disk},
      {"InspectMissing", {"inspect", "@nope"}, 1, {"@nope"}},
      {"InspectText", {"inspect", "@text"}, 1, {"@text"}},
      {"InspectGarbage", {"inspect", "@garbage.sqfs"}, 1, {"@garbage.sqfs"}},
  };
  return kCases;
}

// An overlay takes no id map: on one (in the guests, say) the mount point is simply made.
std::vector<BadInput> all_cases() {
  std::vector<BadInput> all = cases();
  struct statfs status{};
  constexpr long kOverlay = 0x794C7630;
  if (::statfs(YETT_BUILD_DIR, &status) == 0 && status.f_type != kOverlay)
    all.push_back({"VolumeInAVolume",
                   {"run", "-v", "@directory:/data", "-v", "@directory:/data/inner", "--", "true"},
                   125,
                   {"/data/inner", "does not exist", "make it on the host"}});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Case, BadInputTest, ::testing::ValuesIn(all_cases()),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

}  // namespace
}  // namespace yett::test
