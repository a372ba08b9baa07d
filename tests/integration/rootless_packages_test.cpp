// `yett run app.sqfs` by somebody who may mount no image.
#include <fcntl.h>
#include <sys/stat.h>

#include "base/unique_fd.hpp"
#include "tests/integration/rootless_fixture.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class RootlessPackages : public RootlessCase {
 protected:
  void SetUp() override {
    RootlessCase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    tree_ = directory("app");
    fs::create_directories(tree_ + "/bin");
    fs::create_directory(tree_ + "/locked");
    fs::copy_file("/bin/busybox", tree_ + "/bin/sh");
    fs::create_symlink("sh", tree_ + "/bin/sleep");
    ::link((tree_ + "/bin/sh").c_str(), (tree_ + "/bin/cat").c_str());
    fs::create_symlink("sh", tree_ + "/bin/echo");
    std::ofstream(tree_ + "/locked/text") << "kept\n";
    std::ofstream(tree_ + "/large") << std::string(300'000, 'y');
    ::chmod((tree_ + "/locked/text").c_str(), 0);
    ::chmod((tree_ + "/locked").c_str(), 0500);
    std::ofstream(tree_ + "/yett.toml") << "name = \"app\"\ncommand = [\"/bin/sh\", \"-c\", "
                                           "\"cat /locked/text; echo $0\", \"told\"]\n";
  }

  [[nodiscard]] std::string pack(const std::string& kind) const {
    std::string package = home_->path() + "/app." + kind;
    const RunResult packed = run_yett({"pack", tree_, package});
    EXPECT_EQ(packed.exit_status, 0) << packed.text();
    return package;
  }
  [[nodiscard]] std::string layers() const { return home_->path() + "/.cache/yett/layers"; }
  // The root of the only package in the cache.
  [[nodiscard]] std::string unpacked() const {
    const fs::directory_iterator first(layers());
    EXPECT_EQ(std::distance(begin(first), end(first)), 1);
    return fs::directory_iterator(layers())->path().string() + "/root";
  }

  std::string tree_;
};

TEST_F(RootlessPackages, AreUnpackedOnceAndRunAsTheirManifestSays) {
  for (const char* kind : {"sqfs", "erofs"}) {
    const std::string package = pack(kind);
    const RunResult first = run({package});
    EXPECT_EQ(first.out, "kept\ntold\n") << kind << first.text();
    const std::string root = unpacked();
    struct stat before{};
    ASSERT_EQ(::stat((root + "/bin/sh").c_str(), &before), 0);
    EXPECT_EQ(before.st_uid, kOrdinaryUser);
    EXPECT_EQ(fs::file_size(root + "/large"), 300'000U);
    const RunResult again = run({package, "--", "/bin/sh", "-c", "echo x > /new; cat < /large"});
    EXPECT_EQ(again.out, std::string(300'000, 'y')) << kind;
    EXPECT_NE(again.err.find("Read-only file system"), std::string::npos) << again.err;
    struct stat after{};
    ASSERT_EQ(::stat((root + "/bin/sh").c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino) << kind;
    fs::remove_all(home_->path() + "/.cache");
  }
}

// SECURITY(cached-package-unchanged)
TEST_F(RootlessPackages, WhatWasChangedIsUnpackedAnew) {
  const std::string package = pack("sqfs");
  EXPECT_EQ(run({package}).exit_status, 0);
  const std::string text = unpacked() + "/locked/text";
  const struct stat before = [&] {
    struct stat status{};
    ::stat(text.c_str(), &status);
    return status;
  }();
  // With the times of before: those that a user can set.
  const RunResult changed = as_user({"sh", "-c", "echo evil > \"$0\" && touch -d @0 \"$0\"", text});
  EXPECT_NE(changed.exit_status, 0);  // its rights
  ::chmod(text.c_str(), 0600);
  std::ofstream(text) << "evil\n";
  const struct timespec times[2] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, text.c_str(), times, 0);
  ::chmod(text.c_str(), before.st_mode & 07777);
  EXPECT_EQ(run({package}).out, "kept\ntold\n");
}

// A sandbox keeps what it runs from.
TEST_F(RootlessPackages, WhatASandboxUsesIsNotTakenAway) {
  const std::string package = pack("sqfs");
  RunningProgram running(yett_command({"run", package, "--", "/bin/sh", "-c",
                                       "trap 'cat /locked/text; exit' TERM; echo up; "
                                       "while :; do sleep 1; done"}),
                         home_->options());
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(60)));
  std::ofstream(unpacked() + "/more") << "x";
  const RunResult refused = run({package});
  EXPECT_EQ(refused.exit_status, 125) << refused.text();
  EXPECT_NE(refused.err.find("a sandbox uses it"), std::string::npos) << refused.text();
  running.kill(SIGTERM);
  EXPECT_EQ(running.wait().out, "up\nkept\n");
  EXPECT_EQ(run({package}).exit_status, 0);
}

// SECURITY(cache-owner)
TEST_F(RootlessPackages, ACacheOfAnotherIsRefused) {
  const std::string package = pack("sqfs");
  fs::create_directories(home_->path() + "/.cache/yett");
  OrdinaryHome::give(home_->path() + "/.cache");
  const RunResult refused = run({package});
  EXPECT_EQ(refused.exit_status, 125);
  EXPECT_NE(refused.err.find("belongs to uid 0"), std::string::npos) << refused.text();
  OrdinaryHome::give(home_->path() + "/.cache/yett");
  ::chmod((home_->path() + "/.cache/yett").c_str(), 0755);
  EXPECT_NE(run({package}).err.find("others may enter it"), std::string::npos);
  ::chmod((home_->path() + "/.cache/yett").c_str(), 0700);
  EXPECT_EQ(run({package}).exit_status, 0);
}

TEST_F(RootlessPackages, ADryRunUnpacksNothing) {
  const RunResult plan = run({"--dry-run", pack("sqfs")});
  EXPECT_NE(plan.out.find("/.cache/yett/layers/"), std::string::npos) << plan.text();
  EXPECT_TRUE(fs::is_empty(layers()));
}

TEST_F(RootlessPackages, ADamagedOneIsRefusedAndLeavesNothing) {
  const std::string package = pack("sqfs");
  const auto size = static_cast<off_t>(fs::file_size(package));
  const std::string noise(static_cast<std::size_t>(size) / 2, '\x5a');
  const UniqueFd file(::open(package.c_str(), O_WRONLY));
  EXPECT_GT(::pwrite(file.get(), noise.data(), noise.size(), size / 4), 0);
  const RunResult refused = run({package, "--", "/bin/sh"});
  EXPECT_EQ(refused.exit_status, 125) << refused.text();
  if (fs::exists(layers())) {
    EXPECT_TRUE(fs::is_empty(layers()));
  }
}

}  // namespace
}  // namespace yett::test
