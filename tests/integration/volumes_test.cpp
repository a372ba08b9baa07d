// yett run -v and yett volume: what is lent to a sandbox, and to whom it belongs on the disk.
#include <gtest/gtest.h>

#include "tests/integration/images_fixture.hpp"

namespace yett::test {
namespace {

class Volumes : public ImagesFixture {
 protected:
  Volumes() : ImagesFixture({"none"}) {}
};

// volumes-in-use among it: rm leaves what a sandbox has.
TEST_F(Volumes, OutliveSandboxes) {
  const auto volume = [this](std::vector<std::string> words) {
    words.insert(words.begin(), {"volume", "--image-root", store()});
    return run_yett(std::move(words));
  };
  EXPECT_EQ(volume({"create", "empty"}).out, "empty\n");
  EXPECT_EQ(run({"-v", "data:/data", "--", "sh", "-c", "echo kept > /data/file"}).exit_status, 0);
  EXPECT_EQ(run({"-v", "data:/data:ro", "--", "cat", "/data/file"}).out, "kept\n");
  EXPECT_EQ(volume({"ls"}).out, "data\nempty\n");
  RunningProgram running(yett_command({"run", "--image-root", store(), "-v", "data:/data", "--",
                                       "sh", "-c", "echo up; sleep 1000"}),
                         {});
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(30)));
  const RunResult busy = volume({"rm", "data"});
  EXPECT_EQ(busy.exit_status, 1) << busy.text();
  EXPECT_NE(busy.err.find("a sandbox uses the volume"), std::string::npos);
  EXPECT_EQ(volume({"prune"}).out, "empty\n");
  running.kill(SIGTERM);
  running.wait();
  EXPECT_EQ(volume({"rm", "data"}).out, "data\n");
  EXPECT_EQ(volume({"ls"}).out, "");
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {"rm", "data"}, {"create", "../x"}, {"create"}, {"ls", "x"}, {"mk", "x"}, {}})
    EXPECT_EQ(volume(bad).exit_status, 1);
  EXPECT_EQ(run({"-v", ".hidden:/data", "--", "true"}).exit_status, 125);
}

// volumes-closed: on a file system that cannot be idmapped, too, a volume is its sandboxes' and
// nobody else's, from one run to the next.
TEST_F(Volumes, WhereNothingCanBeIdmapped) {
  constexpr const char* kScript = R"(
mount -t ramfs none "$1" && cd / || exit
yett=$0 at=$1
y() { "$yett" run --image-root "$at/store" "$@"; }
y -v one:/1 -v two:/2 -- sh -c 'umask 077; echo kept > /1/file; mkdir /1/below; echo > /2/x'
y -v one:/1 -- sh -c 'cat /1/file; echo more > /1/below/file; stat -c %u /1/file'
y -v "$at/store/volumes:/all" -- sh -c 'echo x > /all/one/file' 2>&1
stat -c %a "$at/store/volumes")";
  const RunResult ran =
      run_program({"unshare", "-m", "sh", "-c", kScript, yett_binary(), directory_ + "/in"});
  EXPECT_EQ(ran.exit_status, 0) << ran.text();
  EXPECT_EQ(ran.out.find("kept\n1000\n"), 0U) << ran.text();
  EXPECT_NE(ran.out.find("Permission denied\n"), std::string::npos) << ran.text();
  EXPECT_TRUE(ran.out.ends_with("\n700\n")) << ran.text();
}

}  // namespace
}  // namespace yett::test
