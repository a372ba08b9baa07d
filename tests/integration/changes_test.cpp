// yett diff and yett commit: what a sandbox has changed in its root, shown and made an image.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "tests/integration/images_fixture.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kChange =
    "cd /data; echo new > added; rm gone; echo more >> old; rm -r tree; mkdir tree; "
    "echo x > tree/leaf; ln -s /etc/passwd link; mkdir dir; echo y > dir/file; mkfifo pipe; ";
constexpr const char* kChanges =
    "C /data\nA /data/added\nA /data/dir\nA /data/dir/file\nD /data/gone\nA /data/link\nC "
    "/data/old\n"
    "A /data/pipe\nC /data/tree\nD /data/tree/deep\nC /data/tree/leaf\n";

class Changes : public ImagesFixture {
 protected:
  Changes() : ImagesFixture({"layered"}) {}
  void SetUp() override {
    ImagesFixture::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) import_well("changeable", "app:1");
  }
  // In the background; returns when `script` has been run.
  void start(const std::string& id, const std::string& script, std::vector<std::string> flags = {},
             const std::string& image = "app:1") const {
    std::vector<std::string> words{
        "run",    "--root", directory_ + "/state", "--image-root", store(), "-d", "--time", "110s",
        "--name", id};
    words.insert(words.end(), flags.begin(), flags.end());
    if (std::ranges::find(flags, "--policy") == flags.end())
      words.insert(words.end(), {"--policy", "container"});
    words.insert(words.end(), {image, "--", "/bin/sh", "-c", script + "echo done; sleep 1000"});
    const RunResult started = run_yett(words);
    ASSERT_EQ(started.exit_status, 0) << started.text();
    for (int i = 0; i < 600; ++i) {
      if (yett({"logs", id}).out.find("done") != std::string::npos) return;
      ::usleep(100'000);
    }
    FAIL() << "never done: " << yett({"logs", id}).text();
  }
  [[nodiscard]] RunResult commit(std::vector<std::string> words) const {
    words.insert(words.begin(), {"commit", "--image-root", store()});
    return yett(std::move(words));
  }
};

TEST_F(Changes, OfARunningSandbox) {
  start("one", kChange);
  EXPECT_EQ(yett({"diff", "one"}).out, kChanges) << yett({"diff", "one"}).text();
  const std::string json = yett({"diff", "--format", "json", "one"}).out;
  EXPECT_EQ(
      json.find(R"({"changed":["/data","/data/old","/data/tree","/data/tree/leaf"],"added":)"), 0U)
      << json;
  EXPECT_NE(json.find(R"("deleted":["/data/gone","/data/tree/deep"])"), std::string::npos) << json;
  EXPECT_EQ(yett({"diff", "--format", "yaml", "one"}).exit_status, 1);
  ASSERT_EQ(yett({"stop", "-t", "0", "one"}).exit_status, 0);
  const RunResult ended = yett({"diff", "one"});
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_NE(ended.err.find("--overlay DIR"), std::string::npos) << ended.text();
}

TEST_F(Changes, AreKeptByAnOverlayOfOnesOwn) {
  fs::create_directory(directory_ + "/kept");
  start("one", kChange, {"--overlay", directory_ + "/kept"});
  EXPECT_EQ(yett({"diff", "one"}).out, kChanges) << yett({"diff", "one"}).text();
  ASSERT_EQ(yett({"stop", "-t", "0", "one"}).exit_status, 0);
  EXPECT_EQ(yett({"diff", "one"}).out, kChanges) << yett({"diff", "one"}).text();
  ASSERT_EQ(commit({"one", "app:kept"}).exit_status, 0);
  EXPECT_EQ(run({"app:kept", "--", "/bin/cat", "/data/old"}).out, "old\nmore\n");
}

TEST_F(Changes, OfOneThatChangesNothing) {
  start("still", "");
  EXPECT_EQ(yett({"diff", "still"}).out, "") << yett({"diff", "still"}).text();
  start("fixed", "echo x > /data/added; ", {"--policy", "plugin"});
  const RunResult read_only = yett({"diff", "fixed"});
  EXPECT_EQ(read_only.out, "");
  EXPECT_NE(read_only.err.find("read-only by its policy"), std::string::npos) << read_only.text();
  ASSERT_EQ(run_yett({"run", "--root", directory_ + "/state", "-d", "--name", "host", "--", "sleep",
                      "1000"})
                .exit_status,
            0);
  EXPECT_NE(yett({"diff", "host"}).err.find("it has no image"), std::string::npos);
  EXPECT_NE(yett({"diff", "none"}).err.find("does not exist"), std::string::npos);
}

TEST_F(Changes, BecomeALayerOfANewImage) {
  start("one", kChange);
  const std::size_t before = layers();
  const RunResult committed = commit({"-c", "CMD [\"/bin/cat\", \"added\"]", "-c", "WORKDIR /data",
                                      "-c", "ENV GREETING=hello", "one", "app:2"});
  EXPECT_EQ(committed.out, "app:2\n") << committed.text();
  EXPECT_NE(committed.err.find("1 devices, pipes"), std::string::npos) << committed.text();
  EXPECT_EQ(layers(), before + 1) << "the lower ones are the old image's";
  EXPECT_EQ(run({"app:2"}).out, "new\n") << run({"app:2"}).text();
  EXPECT_EQ(run({"app:2", "--", "/bin/sh", "-c",
                 "echo $GREETING; cat old tree/leaf dir/file; ls -l link; ls; ls tree"})
                .out.find("hello\nold\nmore\nx\ny\n"),
            0U);
  EXPECT_EQ(run({"app:2", "--", "/bin/ls", "/data", "/data/tree"}).out,
            "/data:\nadded\ndir\nkept\nlink\nold\ntree\n\n/data/tree:\nleaf\n");
  EXPECT_EQ(yett({"ps", "--format", "json"}).out.find("paused"), std::string::npos);
  // On top of a committed one, and the same again is the same layer.
  start("two", "echo second > /data/second; ", {}, "app:2");
  EXPECT_EQ(yett({"diff", "two"}).out, "C /data\nA /data/second\n") << yett({"diff", "two"}).text();
  EXPECT_EQ(commit({"two", "app:3"}).exit_status, 0);
  EXPECT_EQ(commit({"two", "app:4"}).exit_status, 0);
  EXPECT_EQ(layers(), before + 2);
  EXPECT_EQ(run({"app:3", "--", "/bin/cat", "/data/second", "/data/added"}).out, "second\nnew\n");
  EXPECT_EQ(run({"app:1", "--", "/bin/cat", "/data/gone"}).out, "gone\n") << "as it was";
}

// What the sandbox's user has made belongs to whoever the user is next time.
TEST_F(Changes, StayUsableToTheNextSandboxesUser) {
  start("one", "cd /data; (umask 077; echo secret > mine; mkdir home; echo x > home/file); ");
  ASSERT_EQ(commit({"one", "app:2"}).exit_status, 0);
  EXPECT_EQ(run({"--policy", "container", "app:2", "--", "/bin/sh", "-c",
                 "cat /data/mine; echo more >> /data/home/file && cat /data/home/file"})
                .out,
            "secret\nx\nmore\n");
}

TEST_F(Changes, OfADirectoryAreCommittedWhole) {
  fs::copy(fs::directory_iterator(store() + "/layers")->path() / "root", directory_ + "/plain",
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  start("one", "echo new > /added; ", {}, directory_ + "/plain");
  EXPECT_EQ(yett({"diff", "one"}).out, "A /added\n") << yett({"diff", "one"}).text();
  ASSERT_EQ(commit({"one", "whole"}).exit_status, 0);
  EXPECT_EQ(run({"whole", "--", "/bin/cat", "/added", "/data/kept"}).out, "new\nkept\n");
}

TEST_F(Changes, RefusalsOfCommit) {
  start("one", "truncate -s 8M /data/holes; ");
  const RunResult large = commit({"--max-size", "1M", "one", "x"});
  EXPECT_EQ(large.exit_status, 1);
  EXPECT_NE(large.err.find("--max-size"), std::string::npos) << large.text();
  EXPECT_EQ(images({"-q"}).out, "app:1\n");
  EXPECT_EQ(layers(), 1U);
  EXPECT_NE(yett({"ps"}).out.find("Up "), std::string::npos) << "it was let go";
  EXPECT_EQ(yett({"ps"}).out.find("Paused"), std::string::npos);
  for (const char* change : {"CMD", "RUN x", "ENV x", "WORKDIR relative", "CMD [1]", ""})
    EXPECT_EQ(commit({"-c", change, "one", "x"}).exit_status, 1) << change;
  EXPECT_EQ(commit({"one", "../x"}).exit_status, 1);
  EXPECT_EQ(commit({"none", "x"}).exit_status, 1);
  EXPECT_EQ(commit({"one"}).exit_status, 1);
}

// SECURITY(commit-beneath), SECURITY(root-view): a sandbox that exchanges directories for links to
// the host while it is looked at and copied. The canary lies where every user of the host can read
// it.
TEST_F(Changes, LinksToTheHostAreNeverFollowed) {
  fs::create_directory(directory_ + "/host");
  std::ofstream(directory_ + "/host/canary") << "of the host\n";
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  start("one", "cd /data; mkdir trap; echo mine > trap/canary; ln -s " + directory_ +
                   "/host away; (while true; do mv trap aside; mv away trap; mv trap away; "
                   "mv aside trap; done) & ");
  int committed = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (int i = 0; i < 15 && std::chrono::steady_clock::now() < end; ++i) {
    const RunResult changes = yett({"diff", "one"});
    EXPECT_EQ(changes.exit_status, 0) << changes.text();
    committed += commit({"--no-pause", "one", "x" + std::to_string(i)}).exit_status == 0 ? 1 : 0;
  }
  EXPECT_GT(committed, 0);
  for (const auto& entry : fs::recursive_directory_iterator(store() + "/layers")) {
    if (!entry.is_regular_file() || entry.path().filename() != "canary") continue;
    std::string text;
    std::getline(std::ifstream(entry.path()) >> std::ws, text);
    EXPECT_NE(text, "of the host") << entry.path();
  }
  // The twin: whoever follows the link reads it.
  fs::create_symlink(directory_ + "/host", directory_ + "/away");
  EXPECT_EQ(run_program({"/bin/busybox", "cat", directory_ + "/away/canary"}).out, "of the host\n");
}

// Containers of engines: an overlay that somebody else has mounted.
TEST_F(Changes, OfAContainerOnAnOverlay) {
  const std::string script =
      "set -e; cd " + directory_ +
      "; mkdir -p box/rootfs up work; "
      "mount -t overlay none -o lowerdir=$LOWER,upperdir=up,workdir=work box/rootfs; "
      "$YETT spec --bundle box; sed -i 's/\"terminal\": true/\"terminal\": false/; "
      "s/\"readonly\": true/\"readonly\": false/; s/\"sh\"/\"\\/bin\\/sleep\", \"1000\"/' "
      "box/config.json; $YETT --root state create --bundle box c1 </dev/null >/dev/null 2>&1; "
      "$YETT --root state start c1; echo new > box/rootfs/data/added; rm box/rootfs/data/gone; "
      "$YETT --root state diff c1; $YETT --root state commit --image-root store c1 c1; "
      "$YETT --root state delete --force c1; umount box/rootfs";
  const std::string lower = fs::directory_iterator(store() + "/layers")->path() / "root";
  const RunResult ran = run_program({"unshare", "--mount", "sh", "-c", script},
                                    {.environment = {"LOWER=" + lower, "YETT=" + yett_binary()}});
  EXPECT_EQ(ran.out, "C /data\nA /data/added\nD /data/gone\nc1:latest\n") << ran.text();
  EXPECT_EQ(run({"c1", "--", "/bin/cat", "/data/added", "/data/kept"}).out, "new\nkept\n");
}

}  // namespace
}  // namespace yett::test
