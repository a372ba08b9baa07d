// Rootless with ids beside the user's own: /etc has another passwd, subuid and subgid in a mount
// namespace of the program that is started.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include "tests/integration/rootless_fixture.hpp"

namespace yett::test {

inline constexpr unsigned kFirstMore = 700'000;
inline constexpr unsigned kManyMore = 1000;
inline constexpr unsigned kOtherGroup = 61'999;  // of the user's, where a test says so

class IdsCase : public RootlessCase {
 protected:
  void SetUp() override {
    RootlessCase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    for (const char* tool : {"/usr/bin/newuidmap", "/usr/bin/newgidmap"})
      YETT_REQUIRE(::access(tool, X_OK) == 0, "newuidmap is not installed");
    ASSERT_TRUE(std::filesystem::create_directory(etc()));
    const std::string id = std::to_string(kOrdinaryUser);
    const std::string range =
        "yett-tester:" + std::to_string(kFirstMore) + ":" + std::to_string(kManyMore) + "\n";
    cover("passwd", "root:x:0:0::/root:/bin/sh\nyett-tester:x:" + id + ":" + id + "::/:/bin/sh\n");
    cover("group", "root:x:0:\nyett-tester:x:" + id + ":\n");
    cover("subuid", range);
    cover("subgid", range);
  }
  [[nodiscard]] std::string etc() const { return home_->path() + "/etc"; }
  void cover(const std::string& name, const std::string& text) const {
    std::ofstream(etc() + "/" + name) << text;
  }

  // With these groups beside its own.
  [[nodiscard]] RunOptions with_ids(std::vector<gid_t> groups = {}) const {
    RunOptions options = home_->options();
    options.before_exec = [layers = "lowerdir=" + etc() + ":/etc", groups = std::move(groups)] {
      const bool covered = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           ::mount("etc", "/etc", "overlay", 0, layers.c_str()) == 0;
      if (!covered || ::setgroups(groups.size(), groups.data()) != 0 ||
          ::setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0 ||
          ::setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0)
        ::_exit(124);
    };
    return options;
  }
  [[nodiscard]] RunResult run_with_ids(std::vector<std::string> words,
                                       std::vector<gid_t> groups = {}) const {
    words.insert(words.begin(), {"run", "--ids", "range"});
    return run_yett(std::move(words), with_ids(std::move(groups)));
  }
  [[nodiscard]] RunResult python(const std::string& script, std::vector<gid_t> groups = {}) const {
    return run_with_ids({"--", "python3", "-c", script}, std::move(groups));
  }
};

}  // namespace yett::test
