// The attacks of security.md on the modes without rights, by an ordinary user: what fails under
// `yett run` as root fails there too. Natively the same attempts are made by the same user in a
// user namespace of its own, which it may have here and where it may do most. A table of what was
// held goes to attacks-by-mode.md in the build directory.
#include <fcntl.h>
#include <sys/file.h>

#include <fstream>
#include <map>
#include <set>

#include "base/unique_fd.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

// What an attempt says that did not get through. ENOENT and its like would say that it was let in.
constexpr const char* kRefusals =
    "EPERM|EACCES|ENOSYS|EROFS|EAFNOSUPPORT|ENOPROTOOPT|EINVAL|ESRCH|EXDEV|EOPNOTSUPP|SIGSYS";

struct AttackClass {
  const char* row;  // as security.md has it
  const char* attack;
  // What a program may do, by the modes in which it may: the positive twins.
  std::map<std::string, std::set<std::string>> lawful;
  // At least so many attempts get through where nothing confines them.
  std::size_t natively;
  // Not refused but without effect, or the kernel's own answer to everybody.
  std::set<std::string> harmless = {};
};

const std::set<std::string> kBoth{"rootless", "fallback"};
const std::set<std::string> kRootless{"rootless"};

class Modes : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "only root can become an ordinary user");
    home_.emplace();
    data_ = home_->path() + "/data";
    fs::create_directory(data_);
    for (const char* name : {"target", "other"}) {
      std::ofstream(data_ + "/" + name) << name << "\n";
      fs::permissions(data_ + "/" + name, fs::perms(0666));
      OrdinaryHome::give(data_ + "/" + name);
    }
    OrdinaryHome::give(data_);
    const RunResult probe = run_program({"unshare", "-U", "true"}, home_->options());
    YETT_REQUIRE(probe.exit_status == 0, "ordinary users may not make user namespaces here");
    const RunResult fallback =
        run_yett({"run", "--mode", "fallback", "--", "true"}, home_->options());
    if (fallback.err.find("Landlock") == std::string::npos) modes_.emplace_back("fallback");
  }

  [[nodiscard]] Results inside(const char* mode, const std::string& attack) const {
    const RunResult ran = run_yett(
        {"run", "--mode", mode, "-v", kAttacks + ":" + kAttacks + ":ro", "-v",
         data_ + ":" + data_ + ":ro", "-e", "DATA=" + data_, "--", kAttacks + "/" + attack},
        home_->options());
    EXPECT_EQ(ran.exit_status, 0) << mode << ": " << ran.text();
    return results_of(ran);
  }
  [[nodiscard]] Results natively(const std::string& attack) const {
    RunOptions options = home_->options();
    options.environment.push_back("DATA=" + data_);
    return results_of(run_program({"unshare", "--user", "--map-root-user", "--mount", "--pid",
                                   "--fork", "--mount-proc", "--ipc", kAttacks + "/" + attack},
                                  std::move(options)));
  }

  // How many attempts were refused.
  static std::size_t check_mode(const AttackClass& attack, const char* mode,
                                const Results& results) {
    std::size_t refused = 0;
    for (const auto& [attempt, result] : results) {
      const auto lawful = attack.lawful.find(attempt);
      if (lawful != attack.lawful.end() && lawful->second.contains(mode)) {
        EXPECT_EQ(result, "ok") << mode << ": " << attempt;
      } else if (!attack.harmless.contains(attempt)) {
        EXPECT_TRUE(is_one_of(result, kRefusals)) << mode << ": " << attempt << ' ' << result;
        ++refused;
      }
    }
    return refused;
  }

  // In all modes and natively, and its row of the table.
  void expect_held(const AttackClass& attack) const {
    std::string cells;
    std::size_t attempts = 0;
    for (const char* mode : modes_) {
      const Results results = inside(mode, attack.attack);
      attempts = results.size();
      cells += " " + std::to_string(check_mode(attack, mode, results)) + " refused |";
    }
    std::size_t through = 0;
    for (const auto& [attempt, result] : natively(attack.attack))
      if (result == "ok" && !attack.lawful.contains(attempt)) ++through;
    EXPECT_GE(through, attack.natively) << "nothing is held back that would get through";
    note_row(std::string("| ") + attack.row + " | ",
             std::to_string(attempts) + " | " + std::to_string(through) + " |" + cells);
  }

  // Each case may be a process of its own, two at a time.
  static void note_row(const std::string& row, const std::string& cells) {
    const UniqueFd lock(::open(YETT_BUILD_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ::flock(lock.get(), LOCK_EX);
    std::string kept;
    std::ifstream old(kTable);
    for (std::string line; std::getline(old, line);)
      if (line.starts_with("| ") && !line.starts_with(row) && !line.starts_with(kHead))
        kept += line + "\n";
    std::ofstream(kTable) << kHead << "\n|---|---|---|---|---|\n" << kept << row << cells << "\n";
  }
  static constexpr const char* kTable = YETT_BUILD_DIR "/attacks-by-mode.md";
  static constexpr const char* kHead =
      "| attack class | attempts | get through natively | rootless | fallback |";

  std::optional<OrdinaryHome> home_;
  std::string data_;
  std::vector<const char*> modes_{"rootless"};
};

TEST_F(Modes, NoNewNamespaces) {
  expect_held({.row = "user-namespace surface, clone3",
               .attack = "namespaces",
               .lawful = {{"plain_fork", kBoth}},
               .natively = 15});
}

TEST_F(Modes, TheMountTreeIsClosed) {
  expect_held({.row = "mounts, masks, propagation",
               .attack = "mounts",
               .lawful = {{"make_directory", kRootless}},
               .natively = 5});
}

TEST_F(Modes, CallsThatNobodyNeeds) {
  expect_held(
      {.row = "calls the filter forgot; io_uring, bpf, perf, userfaultfd, keyctl, kexec, modules",
       .attack = "kernel_calls",
       .lawful = {{"mknod_fifo", kRootless}},
       .natively = 10,
       .harmless = {"uretprobe"}});
}

TEST_F(Modes, OtherProcesses) {
  expect_held({.row = "ptrace, process_vm_*, pidfd_getfd, kcmp, /proc/PID/mem",
               .attack = "processes",
               .lawful = {},
               .natively = 5,
               .harmless = {"kill_init", "stop_init"}});  // PID 1 takes no signal of its own
}

TEST_F(Modes, SocketFamilies) {
  AttackClass attack{
      .row = "socket families", .attack = "socket_families", .lawful = {}, .natively = 1};
  attack.lawful = {{"family_1", kRootless}, {"family_2", kRootless}, {"family_10", kRootless}};
  expect_held(attack);
}

TEST_F(Modes, SocketTypesAndOptions) {
  expect_held({.row = "kTLS, AF_ALG, vsock, packet, netlink; options",
               .attack = "sockets",
               .lawful = {{"unix_pair", kBoth}, {"nodelay", kRootless}},
               .natively = 5});
}

TEST_F(Modes, NoTypingIntoTerminals) {
  expect_held({.row = "terminal injection",
               .attack = "terminals",
               .lawful = {{"window_size", kRootless}},
               .natively = 2});
}

TEST_F(Modes, OneAbi) {
  expect_held(
      {.row = "i386, x32", .attack = "second_abi", .lawful = {{"getpid", kBoth}}, .natively = 1});
}

TEST_F(Modes, WhatIsReadOnlyHasNoOtherWayIn) {
  expect_held({.row = "another way to the same object",
               .attack = "write_matrix",
               .lawful = {{"read_it", kBoth}},
               .natively = 15,
               .harmless = {"link_descriptor"}});  // ENOENT before Linux 6.10, to everybody
  for (const char* name : {"target", "other"}) {
    // The native twin may have renamed or removed them, last.
    EXPECT_TRUE(!fs::exists(data_ + "/" + name) || fs::file_size(data_ + "/" + name) <= 7);
  }
}

TEST_F(Modes, Memfds) {
  expect_held({.row = "memfd exec", .attack = "memfds", .lawful = {}, .natively = 1});
}

}  // namespace
}  // namespace yett::test
