// Which `yett run` may be given a sandbox that was made before.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runsc-like/cli/pooled_run.hpp"

namespace yett {
namespace {

using Words = std::vector<std::string>;

std::optional<WantedRun> read(const Words& options, const Words& environment = {},
                              const Words& command = {"true"}) {
  Words words{"run"};
  words.insert(words.end(), options.begin(), options.end());
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return read_pooled_run(words, environment);
}

// Empty: none fits.
std::string sandbox(const Words& options) {
  const auto run = read(options);
  return run ? run->sandbox : "";
}

class PooledRun : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }

 private:
  std::string directory_ = ::testing::TempDir() + "yett-pooled-" + std::to_string(::getpid());
};

TEST_F(PooledRun, ItsProgramIsItsOwn) {
  const auto one = read({"-m", "64M", "--pids=20"});
  const auto other = read({"--pids", "20", "--memory=64M", "-i", "-e", "A=1", "-e", "B", "-e", "C",
                           "--report", "end.json"},
                          {"B=2", "BB=3"}, {"sh", "-c", "-m"});
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->sandbox, other->sandbox);
  EXPECT_EQ(other->arguments, (Words{"sh", "-c", "-m"}));
  EXPECT_EQ(other->environment, (Words{"A=1", "B=2"}));
  EXPECT_EQ(other->report_file, "end.json");
  EXPECT_EQ(one->report_file, "");
}

TEST_F(PooledRun, EveryOtherOptionIsTheSandboxs) {
  const std::string plain = sandbox({});
  ASSERT_NE(plain, "");
  std::vector<std::string> seen{plain};
  for (const Words& options : std::vector<Words>{{"-m", "64M"},
                                                 {"-m", "65M"},
                                                 {"--pids", "64M"},
                                                 {"-w", "/tmp"},
                                                 {"-u", "7"},
                                                 {"--net", "host"},
                                                 {"--mode", "full"},
                                                 {"--policy", "container"},
                                                 {"--require", "landlock"},
                                                 {"--truth", "host"},
                                                 {"--audit", "/var/log/none"},
                                                 {"-v", "/usr:/a:ro"},
                                                 {"-v", "/usr:/a"},
                                                 {"-v", "/usr:/a", "-v", "/etc:/b"},
                                                 {"--publish", "80"},
                                                 {"/usr"}}) {
    const std::string each = sandbox(options);
    ASSERT_NE(each, "") << options[0];
    EXPECT_EQ(std::ranges::find(seen, each), seen.end()) << options[0];
    EXPECT_EQ(sandbox(options), each) << options[0];
    seen.push_back(each);
  }
}

// What depends on who asks, where, and when; or is no option at all.
TEST_F(PooledRun, WhatCannotHaveWaitedIsNone) {
  for (const Words& options : std::vector<Words>{{"-t"},
                                                 {"-d"},
                                                 {"--name", "web"},
                                                 {"--dry-run"},
                                                 {"--trace"},
                                                 {"--here"},
                                                 {"--template", "other"},
                                                 {"--env-file", "/etc/environment"},
                                                 {"--overlay", "/tmp"},
                                                 {"--overlay-dirs", "/usr"},
                                                 {"--image-root", "/srv"},
                                                 {"--policy", "own.toml"},
                                                 {"--policy", "/dev/null"},
                                                 {"--policy", "/none.toml"},
                                                 {"--audit", "log"},
                                                 {"-v", "cache:/cache"},
                                                 {"-v", "./here:/here"},
                                                 {"alpine"},
                                                 {"./app.sqfs"},
                                                 {"--no-such-option"},
                                                 {"--help"}})
    EXPECT_EQ(sandbox(options), "") << options[0];
  EXPECT_FALSE(read_pooled_run({"run", "-m", "64M"}, {}));  // without a program
  EXPECT_FALSE(read_pooled_run({}, {}));
}

// SECURITY(pool-run): another file at the path, or another text in it, is another sandbox.
TEST_F(PooledRun, FilesThatHaveChangedAreOthers) {
  write("own.toml", "extends = \"plugin\"\n");
  std::filesystem::create_directory(path("volume"));
  std::filesystem::create_directory(path("image"));
  const Words policy{"--policy", path("own.toml")};
  const Words volume{"-v", path("volume") + ":/data"};
  const Words image{path("image")};
  const Words before{sandbox(policy), sandbox(volume), sandbox(image)};
  for (const std::string& each : before) ASSERT_NE(each, "");
  // What a volume holds is seen as it is.
  write("volume/new", "new");
  EXPECT_EQ((Words{sandbox(policy), sandbox(volume), sandbox(image)}), before);
  write("own.toml", "extends = \"plugin\"\n[limits]\nmemory = \"64M\"\n");
  EXPECT_NE(sandbox(policy), before[0]);
  std::filesystem::rename(path("volume"), path("old"));
  std::filesystem::create_directory(path("volume"));
  EXPECT_NE(sandbox(volume), before[1]);
  write("image/yett.toml", "[package]\n");
  EXPECT_NE(sandbox(image), before[2]);
}

TEST_F(PooledRun, WhatThePolicyNamesIsLookedAt) {
  std::filesystem::create_directory(path("read"));
  write("own.toml", "extends = \"plugin\"\n[files]\nread = [\"" + path("read") + "\"]\n");
  const Words policy{"--policy", path("own.toml")};
  const std::string before = sandbox(policy);
  ASSERT_NE(before, "");
  EXPECT_EQ(sandbox(policy), before);
  std::filesystem::rename(path("read"), path("old"));
  std::filesystem::create_directory(path("read"));
  EXPECT_NE(sandbox(policy), before);
}

}  // namespace
}  // namespace yett
