// The commands of yett/uapi.h from inside: as the header says, and with what it warns of.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>
#include <thread>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Control : public HostUnchanged {};

TEST_F(Control, TellsWhoAndUnderWhat) {
  const std::string log = work() + "/audit.jsonl";
  const RunResult run = run_attack({"control", "info", "stat_of_all", "log_line"},
                                   {"--root", work() + "/state", "--name", "asked", "-m", "64M",
                                    "--pids", "20", "--audit", log});
  EXPECT_EQ(run.out,
            "sandbox=asked policy=plugin mode=full version=1 hash=64\ninfo ok\n"
            "limit=67108864 processes=20\nstat_of_all ok\nlog_line ok\n")
      << run.text();
  const std::string audit = read_file(log);
  EXPECT_NE(
      audit.find(
          R"("call":"YETT_LOG","object":"all is \u001b[31mwell\u000a","rule":"the program's own words","verdict":"allow")"),
      std::string::npos)
      << audit;
}

// SECURITY(struct-size), own-words: what the header calls an error is one, and nothing else
// happens.
TEST_F(Control, RefusesWhatItCannotUse) {
  const Results inside = results_of(run_attack({"control"}, {"-m", "64M"}));
  for (const auto& [attempt, result] :
       std::map<std::string, std::string>{{"log_nothing", "EMSGSIZE"},
                                          {"log_too_long", "EMSGSIZE"},
                                          {"log_bad_pointer", "EFAULT"},
                                          {"larger", "ok"},
                                          {"larger_zero", "ok"},
                                          {"larger_nonzero", "E2BIG"},
                                          {"size_zero", "EINVAL"},
                                          {"size_small", "EINVAL"},
                                          {"size_huge", "E2BIG"},
                                          {"size_page", "E2BIG"},
                                          {"null_pointer", "EFAULT"},
                                          {"kernel_pointer", "EFAULT"},
                                          {"read_only_memory", "EFAULT"},
                                          {"page_end", "EFAULT"},
                                          {"no_command", "ENOTTY"},
                                          {"sized_command", "ENOTTY"},
                                          {"other_null", "ENOTTY"},
                                          {"no_file", "ENOTTY"},
                                          {"negative_file", "ENOTTY"},
                                          {"file_of_that_name", "ENOTTY"},
                                          {"passed_on", "ok"},
                                          {"racing_size", "ok"},
                                          {"garbage", "ok"},
                                          {"info", "ok"}})
    expect_result(inside, attempt, result, "inside");
}

// Where nobody supervises there is nobody to ask.
TEST_F(Control, IsNotThereWithoutASupervisor) {
  const RunResult run = run_yett({"run", "--policy", "none", "--", "ls", "/dev/yett"});
  EXPECT_NE(run.exit_status, 0) << run.text();
  const Results outside = results_of(run_attack_natively({"control", "other_null"}));
  expect_result(outside, "other_null", "ENOTTY", "natively");
}

// SECURITY(narrower-whole): calls are taken away for good, for all that is begun; what a thread
// cannot take upon itself is said, and then nothing is.
TEST_F(Control, NarrowsWhoAsksForIt) {
  const std::string policy = work() + "/filters.toml";
  write_file(policy, "extends = \"plugin\"\n[syscalls]\nallow = [\"seccomp\"]\n");
  const RunResult run = run_attack({"restrict"}, {"--policy", policy});
  const Results inside = results_of(run);
  for (const auto& [attempt, result] :
       std::map<std::string, std::string>{{"before", "ok"},
                                          {"taken_away", "ok"},
                                          {"others_stay", "ok"},
                                          {"of_children", "ok"},
                                          {"twice", "ok"},
                                          {"given_back", "EPERM"},
                                          {"supervisor_stays", "ok"},
                                          {"files", "EOPNOTSUPP"},
                                          {"with_files", "EOPNOTSUPP"},
                                          {"network", "EOPNOTSUPP"},
                                          {"extends", "EOPNOTSUPP"},
                                          {"allows", "EOPNOTSUPP"},
                                          {"no_policy", "EINVAL"},
                                          {"no_call", "EINVAL"},
                                          {"nothing", "EINVAL"},
                                          {"empty", "EMSGSIZE"},
                                          {"too_long", "EMSGSIZE"},
                                          {"no_room", "ENOSPC"},
                                          {"exact_room", "ok"},
                                          {"bad_filter", "EFAULT"},
                                          {"size_small", "EINVAL"},
                                          {"larger", "ok"},
                                          {"larger_nonzero", "E2BIG"}})
    expect_result(inside, attempt, result, run.err.c_str());
  const Results without = results_of(run_attack({"restrict", "before", "taken_away"}));
  expect_result(without, "before", "ok", "without seccomp(2)");
  expect_result(without, "taken_away", "ENOTTY", "without seccomp(2)");
}

class Manager : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    YETT_REQUIRE(::access("/bin/busybox", X_OK) == 0, "busybox is not installed");
    fs::create_directories(work() + "/roots/box/bin");
    fs::create_directories(work() + "/data");
    fs::copy_file("/bin/busybox", work() + "/roots/box/bin/sh");
    for (const char* name : {"cat", "echo", "id", "kill", "ls", "sleep"})
      fs::create_symlink("sh", work() + "/roots/box/bin/" + name);
    fs::create_symlink("/", work() + "/roots/link");
  }
  // The volumes first, then `words` after "--".
  [[nodiscard]] RunResult shell_with(const std::vector<std::string>& options,
                                     const std::vector<std::string>& words) const {
    std::vector<std::string> line{
        "uapi-shell", "-v",         work() + "/roots:/roots:ro", "-v", work() + "/data:/data",
        "-v",         kAttackVolume};
    line.insert(line.end(), options.begin(), options.end());
    line.insert(line.end(), {"--", "/attacks/manager"});
    line.insert(line.end(), words.begin(), words.end());
    return run_yett(std::move(line));
  }
  [[nodiscard]] RunResult shell(const std::vector<std::string>& words,
                                const std::string& command = "uapi-shell",
                                RunOptions options = {}) const {
    std::vector<std::string> line{command,
                                  "-v",
                                  work() + "/roots:/roots:ro",
                                  "-v",
                                  work() + "/data:/data",
                                  "-v",
                                  kAttackVolume,
                                  "-m",
                                  "64M",
                                  "--",
                                  "/attacks/manager"};
    line.insert(line.end(), words.begin(), words.end());
    return run_yett(std::move(line), std::move(options));
  }
  [[nodiscard]] RunResult in_box(const std::string& script) const {
    return shell({"/roots/box", "/bin/sh", "-c", script});
  }
};

// SECURITY(stand-in-dies), own-ids, stand-in-valid: opens the device, creates, adds itself,
// executes a shell.
TEST_F(Manager, OfRVisorsShapeWorks) {
  const RunResult run = in_box("echo hello; ls / | head -n 3; exit 7");
  EXPECT_EQ(run.exit_status, 7) << run.text();
  EXPECT_EQ(run.out.find("hello\nbin\n"), 0U) << run.text();
  EXPECT_EQ(in_box("kill -TERM $$; sleep 10").exit_status, 128 + SIGTERM);
  EXPECT_NE(in_box("cat /etc/passwd /roots/box/bin/sh").exit_status, 0) << "of the manager's";
  const RunResult piped =
      shell({"/roots/box", "/bin/cat"}, "uapi-shell", {.input = "through the standard input\n"});
  EXPECT_EQ(piped.out, "through the standard input\n") << piped.text();
}

// SECURITY(no-closed-stdio): what the runtime tells of is not written into what it opened.
TEST_F(Manager, ClosedStreamsAreNothing) {
  const std::string log = work() + "/audit.jsonl";
  const Results inside = results_of(shell_with({"--audit", log}, {"exec_with_closed_errors"}));
  expect_result(inside, "exec_with_closed_errors", "ok", "inside");
  const RunResult outside =
      run_yett({"run", "--audit", log, "--", "/nonexistent"}, {.before_exec = [] { ::close(2); }});
  EXPECT_NE(outside.exit_status, 0);
  std::istringstream lines(read_file(log));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_TRUE(line.starts_with('{') && line.ends_with('}')) << line;
  EXPECT_GE(count, 2U) << "of the manager, of what it ran";
}

// Random commands from threads and from children that are in the middle of something. YETT_STORM:
// for how many seconds.
TEST_F(Manager, AStormOfCommands) {
  const char* given = std::getenv("YETT_STORM");
  const int seconds = given != nullptr ? std::stoi(given) : 3;
  const std::string log = work() + "/audit.jsonl";
  std::vector<std::string> line{"uapi-shell", "--audit", log, "--pids", "256"};
  for (const std::string& volume :
       {work() + "/roots:/roots:ro", work() + "/data:/data", kAttackVolume})
    line.insert(line.end(), {"-v", volume});
  const std::string seed = std::to_string(std::random_device{}() % 100000);
  line.insert(line.end(), {"--", "/attacks/uapi_storm", std::to_string(seconds), seed});
  const RunResult run =
      run_yett(line, {.timeout = std::chrono::seconds(seconds + (is_emulated_guest() ? 280 : 60))});
  Results told = results_of(run);
  EXPECT_EQ(run.exit_status, 0) << run.text();
  EXPECT_EQ(told["alive"], "ok") << run.text();
  for (const char* some : {"calls", "children", "executed"})
    EXPECT_GT(std::atoi(told[some].c_str()), 0) << some << "\n" << run.text();
  std::printf("%s", run.out.c_str());
  std::istringstream lines(read_file(log));
  for (std::string record; std::getline(lines, record);)
    EXPECT_TRUE(record.starts_with('{') && record.ends_with('}')) << record;
}

TEST_F(Manager, WithoutTheRightThereIsNoSuchCommand) {
  EXPECT_EQ(shell({"/roots/box", "/bin/sh"}, "run").exit_status, 97);
}

// create-read-only, stand-in-dies: what it must not be made of, and numbers that are none.
TEST_F(Manager, IsRefusedWhatIsNotItsToGive) {
  const Results inside = results_of(shell({}));
  for (const auto& [attempt, result] :
       std::map<std::string, std::string>{{"create", "ok"},
                                          {"create_of_tmp", "EACCES"},
                                          {"create_of_proc", "EACCES"},
                                          {"create_of_data", "EACCES"},
                                          {"create_relative", "EINVAL"},
                                          {"create_dots", "EINVAL"},
                                          {"create_link", "ELOOP|ENOTDIR"},
                                          {"create_below_link", "ELOOP"},
                                          {"create_nothing", "ENOENT"},
                                          {"create_file", "ENOTDIR"},
                                          {"create_empty", "EFAULT"},
                                          {"create_bad_pointer", "EFAULT"},
                                          {"add_unknown", "ENOENT"},
                                          {"add_negative", "ENOENT"},
                                          {"remove_unknown", "ENOENT"},
                                          {"remove_twice", "ENOENT"},
                                          {"add_to_removed", "ENOENT"},
                                          {"fork_after_add", "EPERM"},
                                          {"add_twice", "EPERM"},
                                          {"exec_of_outside", "ok"},
                                          {"remove_ends_it", "ok"},
                                          {"create_many", "EAGAIN"}})
    expect_result(inside, attempt, result, "inside");
}

// SECURITY(create-as-seen): a sandbox shows nothing that the manager's own mounts hide from it.
TEST_F(Manager, IsGivenNothingThatItsMountsHide) {
  for (const char* directory : {"covered/below", "covered/beside", "masked/secret"})
    fs::create_directories(work() + "/roots/" + directory);
  const std::string policy = work() + "/hide.toml";
  write_file(policy, "extends = \"plugin\"\n[files]\ndeny = [\"/roots/masked/secret\"]\n");
  const Results inside = results_of(
      shell_with({"--policy", policy, "-v", work() + "/roots/box:/roots/covered/below:ro"},
                 {"create_above_volume", "create_of_volume", "create_beside_volume",
                  "create_above_mask", "create_of_mask", "create"}));
  for (const auto& [attempt, result] :
       std::map<std::string, std::string>{{"create", "ok"},
                                          {"create_above_volume", "EACCES"},
                                          {"create_of_volume", "ok"},
                                          {"create_beside_volume", "ok"},
                                          {"create_above_mask", "EACCES"},
                                          {"create_of_mask", "EACCES"}})
    expect_result(inside, attempt, result, "inside");
}

// create-as-seen: neither what the host has mounted below, nor what the host's root alone reaches.
TEST_F(Manager, IsGivenNothingThatItCannotReach) {
  fs::create_directories(work() + "/roots/closed/box");
  fs::create_directories(work() + "/roots/mounted/box");
  const std::vector<std::string> attempts{"create_across_mount", "create_below_closed",
                                          "create_below_closed_none"};
  Results inside = results_of(shell_with({}, attempts));
  expect_result(inside, "create_across_mount", "ok", "before");
  expect_result(inside, "create_below_closed", "ok", "before");
  expect_result(inside, "create_below_closed_none", "ENOENT", "before");

  // Of somebody who is not the volume's owner, whom the sandbox's user is.
  ASSERT_EQ(::chown((work() + "/roots/closed").c_str(), 12345, 12345), 0);
  ASSERT_EQ(::chmod((work() + "/roots/closed").c_str(), 0700), 0);
  const std::string place = work() + "/roots/mounted";
  ASSERT_EQ(::mount("none", place.c_str(), "tmpfs", 0, "size=64k"), 0);
  fs::create_directories(place + "/box");
  const RunResult run = shell_with({}, attempts);
  ASSERT_EQ(::umount(place.c_str()), 0);
  inside = results_of(run);
  for (const std::string& attempt : attempts) expect_result(inside, attempt, "EACCES", "inside");
}

// create-read-only: by another way to the same place it could be swapped.
TEST_F(Manager, IsGivenNothingThatItMayWriteElsewhere) {
  fs::create_directories(work() + "/roots/box/lent");
  for (const char* lent : {"/roots/box/lent", "/roots/box", "/roots"}) {
    const Results inside =
        results_of(shell_with({"-v", work() + lent + ":/elsewhere"}, {"create"}));
    expect_result(inside, "create", "EACCES", lent);
  }
  const Results inside =
      results_of(shell_with({"-v", work() + "/roots/box:/elsewhere:ro"}, {"create"}));
  expect_result(inside, "create", "ok", "read-only");
}

// SECURITY(create-swapped): whoever else may write there, nothing runs in another place.
TEST_F(Manager, RunsNothingWhereTheDirectoryIsAnother) {
  std::thread other([this] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!fs::exists(work() + "/data/made") && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    fs::rename(work() + "/roots/box", work() + "/roots/old");
    fs::create_directory_symlink("old", work() + "/roots/box");
    write_file(work() + "/data/swapped", "");
  });
  const Results inside = results_of(shell_with({}, {"exec_in_swapped"}));
  other.join();
  expect_result(inside, "exec_in_swapped", "ok", "inside");
}

}  // namespace
}  // namespace yett::test
