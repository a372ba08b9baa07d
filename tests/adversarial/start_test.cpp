// security.md, "Start and exec": what a sandbox is left with when its program starts, and what it
// can reach of the process that started it.
#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

using ::testing::Test;

class Start : public HostUnchanged {
 protected:
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

// ---- descriptors --------------------------------------------------------------------------------

RunOptions leaking_caller() {
  RunOptions options;
  options.before_exec = [] {
    for (int fd = 3; fd < 64; ++fd) ::dup2(::open("/", O_RDONLY), fd);  // not close-on-exec
  };
  return options;
}

// SECURITY(no-leaked-fds)
TEST_F(Start, DescriptorsOfTheCallerStayOutside) {
  const RunResult inside = run_attack({"leftovers"}, {}, leaking_caller());
  EXPECT_EQ(inside.exit_status, 0) << inside.text();
  for (int fd = 0; fd < 3; ++fd) EXPECT_TRUE(has(inside.out, "fd " + std::to_string(fd) + " "));
  for (int fd = 3; fd < 64; ++fd)
    EXPECT_FALSE(has(inside.out, "fd " + std::to_string(fd) + " ")) << inside.text();
}

TEST_F(Start, WithoutCloseRangeTheyWouldBeInside) {
  const Missing close_range{.from_plan = {}, .calls = {{SYS_close_range}}};
  const RunResult inside = run_without(
      close_range, {.command = {"/attacks/leftovers"}, .volumes = {{kAttacks, "/attacks", true}}},
      leaking_caller());
  EXPECT_TRUE(has(inside.out, "fd 63 /\n")) << inside.text();
}

// ---- working directory and stdio ----------------------------------------------------------------

// SECURITY(cwd-inside)
TEST_F(Start, NoWorkingDirectoryThroughADescriptor) {
  for (int fd = 0; fd < 64; fd += 64 / repeated(64)) {
    const RunResult run =
        run_attack({"reach"}, {"-w", "/proc/self/fd/" + std::to_string(fd)}, leaking_caller());
    EXPECT_EQ(run.exit_status, 125) << fd << ": " << run.text();
    EXPECT_TRUE(run.out.empty()) << run.out;
  }
}

TEST_F(Start, NorThroughAnotherMagicLink) {
  for (const char* path : {"/proc/self/cwd", "/proc/self/root", "/proc/1/root", "/proc/1/cwd",
                           "/dev/fd/5", "/proc/thread-self/fd/5", "/proc/self/task/1/cwd"})
    EXPECT_EQ(run_attack({"reach"}, {"-w", path}).exit_status, 125) << path;
  const RunResult twin = run_attack({"reach"}, {"-w", "/usr/bin/../lib"});
  EXPECT_EQ(twin.exit_status, 0) << twin.text();
  EXPECT_TRUE(has(twin.out, "cwd /usr/lib\n")) << twin.text();
}

// SECURITY(no-directory-on-stdio)
TEST_F(Start, ADirectoryOnStandardInputIsRefused) {
  RunOptions options;
  options.before_exec = [] { ::dup2(::open("/", O_RDONLY | O_DIRECTORY), 0); };
  const RunResult refused = run_attack({"reach"}, {}, options);
  EXPECT_EQ(refused.exit_status, 125) << refused.text();
  EXPECT_TRUE(has(refused.err, "way out")) << refused.err;
  // What it would have shown.
  EXPECT_TRUE(has(run_program({kAttacks + "/reach"}, options).out, "stdin ")) << "no twin";
  EXPECT_TRUE(has(run_program({kAttacks + "/reach"}, options).out, " proc")) << "no twin";
  // O_PATH would do as well.
  options.before_exec = [] { ::dup2(::open("/", O_PATH), 0); };
  EXPECT_EQ(run_attack({"reach"}, {}, options).exit_status, 125);
}

// ---- the runtime's own processes ----------------------------------------------------------------

// SECURITY(non-dumpable)
TEST_F(Start, TheRuntimeIsOutOfReachDuringAThousandExecs) {
  const std::string before = read_file(yett_binary());
  const RunResult run = run_attack({"overwriter", std::to_string(repeated(1000))});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  EXPECT_FALSE(has(run.out, "opened")) << run.out;
  EXPECT_FALSE(has(run.out, "busy")) << run.out;
  EXPECT_FALSE(has(run.out, "seen")) << run.out;
  EXPECT_TRUE(has(run.out, "execs " + std::to_string(repeated(1000)))) << run.out;
  EXPECT_TRUE(read_file(yett_binary()) == before);
}

// What it finds where there is something to find: a root of the host, beside a sleeping process. A
// static one: while another loads its libraries, these are what would be opened for writing.
TEST_F(Start, WereThereAnotherProcessItWouldBeOpened) {
  const RunResult run = run_attack_natively({"overwriter", "20"}, "busybox sleep 20 &");
  EXPECT_TRUE(has(run.out, "seen")) << run.text();
  EXPECT_TRUE(has(run.out, "opened")) << run.text();
}

// The program of the sandbox is the runtime itself, by way of an interpreter line.
TEST_F(Start, AScriptThatNamesTheRuntimeAsItsInterpreter) {
  const std::string before = read_file(yett_binary());
  write_file(work() + "/trap", "#!/proc/self/exe\n", 0755);
  for (int i = 0; i < repeated(50); ++i) {
    const RunResult run = run_yett({"run", "-v", work() + "/trap:/trap:ro", "--", "/trap"});
    EXPECT_NE(run.exit_status, 0) << run.text();
  }
  EXPECT_TRUE(read_file(yett_binary()) == before);
}

// ---- identity -----------------------------------------------------------------------------------

std::vector<std::string> lines_about(const std::string& text, const std::string& field) {
  std::vector<std::string> values;
  for (std::size_t at = 0; (at = text.find(field, at)) != std::string::npos; ++at) {
    std::string value = text.substr(at + field.size(), text.find('\n', at) - at - field.size());
    std::erase_if(value, [](char c) { return c == '\t' || c == ' '; });
    values.push_back(value);
  }
  return values;
}

// SECURITY(no-capabilities), SECURITY(no-groups), SECURITY(no-new-privs)
TEST_F(Start, NoPrivilegeInTheProgramOrInPid1) {
  RunOptions options;
  options.before_exec = [] {
    const gid_t groups[] = {4, 27, 65534};
    if (::syscall(SYS_setgroups, 3, groups) != 0) ::_exit(124);
  };
  const RunResult run = run_yett(
      {"run", "-v", kAttackVolume, "--", "sh", "-c", kAwaitInit + "exec /attacks/leftovers"},
      options);
  for (const char* set : {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"})
    EXPECT_EQ(lines_about(run.out, set),
              (std::vector<std::string>{"0000000000000000", "0000000000000000"}))
        << set << run.text();
  EXPECT_EQ(lines_about(run.out, "Groups:"), (std::vector<std::string>{"", ""})) << run.text();
  EXPECT_EQ(lines_about(run.out, "NoNewPrivs:"), (std::vector<std::string>{"1", "1"}));
  EXPECT_EQ(lines_about(run.out, "Seccomp:"), (std::vector<std::string>{"2", "2"}));
  EXPECT_EQ(lines_about(run.out, "Uid:").front(), "1000100010001000");

  const RunResult native = run_program({kAttacks + "/leftovers"}, options);
  EXPECT_EQ(lines_about(native.out, "Groups:").front(), "42765534");
  EXPECT_NE(lines_about(native.out, "CapEff:").front(), "0000000000000000");
}

TEST_F(Start, EachOfThemIsTakenByItsOwnStep) {
  RunOptions options;
  options.before_exec = [] {
    const gid_t groups[] = {4};
    if (::syscall(SYS_setgroups, 1, groups) != 0) ::_exit(124);
  };
  const yett::test::LaunchOf start{.command = {"/attacks/leftovers"},
                                   .volumes = {{kAttacks, "/attacks", true}}};
  const RunResult groups =
      run_without({.from_plan = {}, .calls = {{SYS_setgroups}}}, start, options);
  EXPECT_EQ(lines_about(groups.out, "Groups:").front(), "65534") << groups.text();

  const Missing drop{.from_plan = {}, .calls = {{SYS_prctl, 0, PR_CAPBSET_DROP}}};
  const RunResult bounding = run_without(drop, start);
  EXPECT_NE(lines_about(bounding.out, "CapBnd:").front(), "0000000000000000") << bounding.text();

  // Root of its sandbox, so that exec keeps what capset left.
  const Missing keep{
      .from_plan =
          [](SandboxPlan& plan) {
            plan.identity.uid = 0;
            plan.identity.uid_map = {{0, plan.identity.host_uid, 1}};
          },
      .calls = {{SYS_prctl, 0, PR_CAPBSET_DROP}, {SYS_prctl, 0, PR_SET_SECUREBITS}, {SYS_capset}}};
  const RunResult capabilities = run_without(keep, start);
  EXPECT_NE(lines_about(capabilities.out, "CapEff:").front(), "0000000000000000")
      << capabilities.text();

  const Missing privileges{.from_plan = {},
                           .calls = {{SYS_prctl, 0, PR_SET_NO_NEW_PRIVS}, {SYS_seccomp, 1, 0}}};
  const RunResult no_new_privs =
      run_without(without({privileges, without_filter(), without_landlock()}), start);
  EXPECT_EQ(lines_about(no_new_privs.out, "NoNewPrivs:").front(), "0") << no_new_privs.text();
}

// ---- ids, numbers, names ------------------------------------------------------------------------

TEST_F(Start, IdsAreReadStrictly) {
  for (const char* id : {"-1",
                         "2147483648",
                         "4294967295",
                         "4294967296",
                         "18446744073709551616",
                         " 0",
                         "0 ",
                         "0x0",
                         "1:2:3",
                         ":",
                         "1:",
                         ":1",
                         "1:-1",
                         "1.0",
                         "1e3",
                         "+1",
                         "root",
                         "0\n",
                         "00000000000000000000001x",
                         "1,2"}) {
    const RunResult run = run_yett({"run", "-u", id, "--", "true"});
    EXPECT_EQ(run.exit_status, 125) << "-u '" << id << "': " << run.text();
    EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
  }
  for (const char* id : {"0", "0:0", "1000:1000", "65534:65534", "7"})
    EXPECT_EQ(run_yett({"run", "-u", id, "--", "true"}).exit_status, 0) << id;
}

TEST_F(Start, NumbersAreReadStrictly) {
  for (const auto& [flag, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"--pids", "-1"},
           {"--pids", "0x10"},
           {"--pids", "99999999999999999999"},
           {"--pids", "1e3"},
           {"--pids", " 5"},
           {"-m", "-1"},
           {"-m", "1Q"},
           {"-m", "0x1M"},
           {"-m", "99999999999999999999G"},
           {"--cpus", "-1"},
           {"--cpus", "nan"},
           {"--cpus", "inf"},
           {"--cpus", "0"},
           {"--time", "-1s"},

           {"--time", "99999999999999999999s"}}) {
    const RunResult run = run_yett({"run", flag, value, "--", "true"});
    EXPECT_EQ(run.exit_status, 125) << flag << " '" << value << "': " << run.text();
  }
}

TEST_F(Start, NamesAreReadStrictly) {
  for (const char* name :
       {"-x", "../x", "a/b", "a\nb", "", ".", "..", "a b", "\x1b[2J",
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567890123456789012345678901234567890123456789012345678"}) {
    const RunResult run =
        run_yett({"run", "--root", work() + "/state", std::string("--name=") + name, "--", "true"});
    if (*name == '\0') continue;  // no name: one is chosen
    EXPECT_EQ(run.exit_status, 125) << "--name='" << name << "': " << run.text();
    EXPECT_EQ(run.err.find('\x1b'), std::string::npos) << "an escape sequence reaches the terminal";
  }
  EXPECT_EQ(
      run_yett({"run", "--root", work() + "/state", "--name=a-name.1", "--", "true"}).exit_status,
      0);
}

}  // namespace
}  // namespace yett::test
