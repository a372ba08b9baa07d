// The commands of yett/uapi.h from inside: as the header says, and with what it warns of.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Control : public HostUnchanged {};

TEST_F(Control, TellsWhoAndUnderWhat) {
  const std::string log = work() + "/audit.jsonl";
  const RunResult run =
      run_attack({"control", "info", "stat_of_all", "log_line"},
                 {"--name", "asked", "-m", "64M", "--pids", "20", "--audit", log});
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

}  // namespace
}  // namespace yett::test
