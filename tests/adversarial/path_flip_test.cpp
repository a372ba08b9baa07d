// Paths that another thread rewrites while they are read: by the supervisor, which opens in the
// target's place under a policy that asks, and by the kernel, with the mount tree and Landlock.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/asking_sandbox.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

// YETT_LONG=1 makes it a million tries.
std::string tries() {
  return std::to_string(repeated(std::getenv("YETT_LONG") != nullptr ? 1'000'000 : 20'000));
}

class PathFlips : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    std::filesystem::create_directory(data());
    for (const char* name : {"visible0", "allowed0", "secret00"})
      write_file(data() + "/" + name, std::string(name) + "\n", 0666);
  }
  [[nodiscard]] std::string data() const { return work() + "/data"; }
  [[nodiscard]] std::string policy(const std::string& before) const {
    const std::string path = work() + "/policy.toml";
    write_file(path, before + "[files]\nread = [\"" + data() + "/visible0\", \"" + data() +
                         "/allowed0\"]\n");
    return path;
  }
  static void expect_only_what_is_allowed(const Results& inside) {
    ASSERT_EQ(inside.count("flips"), 1U);
    for (const char* never : {"secret00", "written", "other"})
      EXPECT_EQ(inside.at(never), "0") << never;
    for (const char* seen : {"visible0", "allowed0", "refused"})
      EXPECT_NE(inside.at(seen), "0") << seen;
  }
};

// SECURITY(copy-once): what was copied is what is opened, by each of the supervisor's ways: the
// file that the sandbox has, and the one that was allowed for good.
TEST_F(PathFlips, BrokeredOpensReachNothingElse) {
  // What the user may write would be a question, each time.
  for (const char* name : {"visible0", "allowed0", "secret00"})
    ASSERT_EQ(::chmod((data() + "/" + name).c_str(), 0644), 0);
  AskingSandbox sandbox(
      work(),
      {.within = data(),
       .time = "30s",
       .deny = data() + "/secret00",
       .flags = {"-v", kAttackVolume, "-v", data() + "/visible0:" + data() + "/visible0:ro"},
       .timeout = std::chrono::seconds(400)},
      {"/attacks/path_flip", tries(), data(), "ask"});
  sandbox.answer_when_asked(1, "always");
  expect_only_what_is_allowed(results_of(sandbox.program().wait()));
}

TEST_F(PathFlips, FilePlanesReachNothingElse) {
  for (const char* before : {"", "hardening = \"stacked\"\n"})
    expect_only_what_is_allowed(
        results_of(run_attack({"path_flip", tries(), data()}, {"--policy", policy(before)},
                              {.timeout = std::chrono::seconds(400)})));
}

// Both sides of a flip are seen where nothing holds them.
TEST_F(PathFlips, NativelyEachIsOpened) {
  const Results native = results_of(run_attack_natively({"path_flip", "20000", data()}));
  for (const char* seen : {"visible0", "allowed0", "secret00", "written"})
    EXPECT_NE(native.at(seen), "0") << seen;
}

}  // namespace
}  // namespace yett::test
