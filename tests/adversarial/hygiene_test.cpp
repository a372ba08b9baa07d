// What a sandbox must not share with its caller: session, keyring, mount propagation; and what an
// image must not be able to turn against its own start.
#include <gtest/gtest.h>
#include <linux/keyctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Hygiene : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "needs root");
    char pattern[] = "/tmp/yett-hygiene-XXXXXX";
    directory_ = ::mkdtemp(pattern);
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  // An image with the host's programs in it, by links that make_image's caller may bend.
  std::string make_image() {
    const std::string image = directory_ + "/image";
    fs::create_directories(image + "/bin");
    fs::copy_file("/bin/busybox", image + "/bin/busybox");
    fs::create_symlink("busybox", image + "/bin/sh");
    fs::create_symlink("busybox", image + "/bin/cat");
    return image;
  }

  std::string directory_;
};

// SECURITY(own-session)
TEST_F(Hygiene, TheProgramLeadsASessionOfItsOwn) {
  const RunResult run = run_yett({"run", "--", "/bin/sh", "-c",
                                  "read -r p c s pp g session rest < /proc/self/stat; "
                                  "echo $p $session"});
  ASSERT_EQ(run.exit_status, 0) << run.text();
  const std::size_t space = run.out.find(' ');
  EXPECT_EQ(run.out.substr(0, space) + "\n", run.out.substr(space + 1)) << run.text();
}

// SECURITY(session-keyring)
TEST_F(Hygiene, TheCallersKeyringIsNotTheProgramsOwn) {
  const std::string ask =
      "import ctypes; print(ctypes.CDLL(None).syscall(250, 0, ctypes.c_int(-3), 0))";
  const RunResult outside = run_program({"/usr/bin/python3", "-c", ask});
  const RunResult inside =
      run_yett({"run", "--policy", "none", "--", "/usr/bin/python3", "-c", ask});
  ASSERT_EQ(inside.exit_status, 0) << inside.text();
  EXPECT_NE(inside.out, "-1\n") << "the question itself was refused";
  EXPECT_NE(inside.out, outside.out);
}

// SECURITY(private-propagation)
TEST_F(Hygiene, NoMountInsideIsSharedWithTheHost) {
  const RunResult run = run_yett({"run", "--", "/bin/cat", "/proc/self/mountinfo"});
  ASSERT_EQ(run.exit_status, 0) << run.text();
  EXPECT_NE(run.out.find(" / /"), std::string::npos) << "no mounts listed: " << run.text();
  EXPECT_EQ(run.out.find("shared:"), std::string::npos) << run.out;
  EXPECT_EQ(run.out.find("master:"), std::string::npos) << run.out;
}

// SECURITY(in-root-resolution)
TEST_F(Hygiene, AnImageCannotAimMountsAtTheHost) {
  const std::string image = make_image();
  const std::string canary = directory_ + "/canary";
  fs::create_directories(canary);
  fs::create_symlink("../../../../../.." + canary, image + "/tmp");
  fs::create_symlink(canary, image + "/dev");
  const RunResult run = run_yett({"run", image, "--", "/bin/sh", "-c", "echo > /tmp/seen"});
  EXPECT_TRUE(fs::is_empty(canary)) << run.text();
}

TEST_F(Hygiene, AnImageWithoutLinksStarts) {
  const RunResult run =
      run_yett({"run", make_image(), "--", "/bin/sh", "-c", "echo x > /tmp/seen && cat /tmp/seen"});
  EXPECT_EQ(run.out, "x\n") << run.text();
}

// SECURITY(overlay-xattr)
TEST_F(Hygiene, AnImagesOverlayAttributesAreNotFollowed) {
  const std::string image = make_image();
  fs::create_directories(image + "/hidden");
  std::ofstream(image + "/hidden/secret") << "secret\n";
  fs::create_directories(image + "/seen");
  const std::string redirect = "/hidden";
  YETT_REQUIRE(::setxattr((image + "/seen").c_str(), "trusted.overlay.redirect", redirect.data(),
                          redirect.size(), 0) == 0,
               "trusted attributes need CAP_SYS_ADMIN");
  const RunResult run = run_yett({"run", image, "--", "/bin/cat", "/seen/secret"});
  EXPECT_NE(run.exit_status, 0) << run.text();
  const RunResult twin = run_yett({"run", image, "--", "/bin/cat", "/hidden/secret"});
  EXPECT_EQ(twin.out, "secret\n") << twin.text();
}

}  // namespace
}  // namespace yett::test
