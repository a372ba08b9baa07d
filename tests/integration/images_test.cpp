// yett images: importing what others packed, running it, and what hostile archives get.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/images_fixture.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Images : public ImagesFixture {
 protected:
  Images() : ImagesFixture({"good", "hostile", "broken"}) {}
};

TEST_F(Images, OfEachKindRunWithTheirConfiguration) {
  for (const char* file : {"layout", "oci.tar", "docker.tar"}) {
    import_well(file, "app:1");
    const RunResult ran = run({"app:1"});
    EXPECT_EQ(ran.exit_status, 0) << file << ": " << ran.text();
    EXPECT_EQ(ran.out.find("hello"), 0U) << ran.text();
    for (const char* line : {"yes\n", "/home\n", "4321\n", "added\n", "greeting\n"})
      EXPECT_NE(ran.out.find(line), std::string::npos) << file << ": " << line << ran.text();
    EXPECT_EQ(ran.out.find("again\n"), std::string::npos) << "whited out: " << ran.text();
  }
}

TEST_F(Images, OfATarHaveNoCommandOfTheirOwn) {
  for (const char* file : {"root.tar", "root.tar.gz", "root.tar.xz", "root.tar.bz2"}) {
    import_well(file, "root");
    const RunResult ran = run({"root", "--", "/bin/cat", "/etc/again"});
    EXPECT_EQ(ran.out, "hello from the image\n") << file << ": " << ran.text();
  }
  const RunResult none = run({"root"});
  EXPECT_EQ(none.exit_status, 125) << none.text();
  EXPECT_NE(none.err.find("no command"), std::string::npos);
}

TEST_F(Images, OfABundleInAZip) {
  import_well("code.zip", "code");
  EXPECT_EQ(run({"code"}).out, "from the bundle\n");
}

TEST_F(Images, FlagsGoBeforeTheConfiguration) {
  import_well("layout", "app");
  EXPECT_EQ(run({"-e", "FROM_IMAGE=no", "-w", "/tmp", "-u", "7:8", "app", "--", "/bin/sh", "-c",
                 "echo $FROM_IMAGE; pwd; id -u"})
                .out,
            "no\n/tmp\n7\n");
}

TEST_F(Images, AreListedRemovedAndPruned) {
  import_well("layout", "team/app:1");
  import_well("layout", "team/app:2");
  import_well("root.tar", "root");
  EXPECT_EQ(images({"-q"}).out, "root:latest\nteam/app:1\nteam/app:2\n");
  EXPECT_EQ(layers(), 3U) << "two for both tags";
  EXPECT_NE(images({}).out.find("team/app"), std::string::npos);
  EXPECT_NE(images({"--format", "json"}).out.find("\"tag\":\"latest\""), std::string::npos);
  EXPECT_EQ(images({"rm", "team/app:1"}).exit_status, 0);
  EXPECT_EQ(images({"prune"}).out, "") << "the other tag has it";
  EXPECT_EQ(images({"rm", "team/app:2", "root"}).exit_status, 0);
  EXPECT_EQ(images({"prune"}).exit_status, 0);
  EXPECT_EQ(layers(), 0U);
  EXPECT_EQ(run({"root", "--", "true"}).exit_status, 125);
}

// images-in-use: prune leaves what a sandbox runs on.
TEST_F(Images, InUseAreKept) {
  import_well("root.tar", "root");
  RunningProgram running(yett_command({"run", "--image-root", store(), "root", "--", "/bin/sh",
                                       "-c", "echo up; sleep 1000"}),
                         {});
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(30)));
  EXPECT_EQ(images({"rm", "root"}).exit_status, 0);
  const RunResult pruned = images({"prune"});
  EXPECT_EQ(pruned.out, "");
  EXPECT_NE(pruned.err.find("a sandbox uses it"), std::string::npos) << pruned.text();
  EXPECT_EQ(layers(), 1U);
  running.kill(SIGTERM);
  running.wait();
  EXPECT_EQ(images({"prune"}).exit_status, 0);
  EXPECT_EQ(layers(), 0U);
}

TEST_F(Images, AreNotWrittenBySandboxes) {
  import_well("root.tar", "root");
  static_cast<void>(run({"root", "--", "/bin/sh", "-c", "echo x > /etc/greeting; rm /etc/again"}));
  EXPECT_EQ(run({"root", "--", "/bin/cat", "/etc/again"}).out, "hello from the image\n");
}

// unpack-beneath: whatever an archive calls its entries, nothing is written outside of its tree.
TEST_F(Images, HostileOnesAreRefusedWhole) {
  std::size_t rows = 0;
  fs::remove("/tmp/yett-escaped");  // another's
  for (const auto& each : fs::directory_iterator(directory_ + "/in")) {
    if (!each.path().filename().string().starts_with("hostile-")) continue;
    ++rows;
    const RunResult refused = images({"import", each.path().string(), "evil"});
    EXPECT_EQ(refused.exit_status, 1) << each.path() << ": " << refused.text();
    EXPECT_NE(refused.err.find("yett: images:"), std::string::npos) << refused.text();
  }
  EXPECT_EQ(rows, 14U);
  EXPECT_FALSE(fs::exists("/tmp/yett-escaped"));
  EXPECT_FALSE(fs::exists(directory_ + "/yett-escaped"));
  EXPECT_FALSE(fs::exists(store() + "/yett-escaped"));
  EXPECT_EQ(images({"-q"}).out, "");
  EXPECT_EQ(layers(), 0U);
  for (const auto& left : fs::directory_iterator(store()))
    EXPECT_FALSE(left.path().filename().string().starts_with("new.")) << left.path();
  import_well("link-replaced.tar", "good");
  EXPECT_FALSE(fs::exists("/tmp/yett-escaped"));
  EXPECT_EQ(run({"good", "--", "/bin/cat", "/etc/motd"}).out, "written by the archive\n");
}

// unpack-no-devices, and told.
TEST_F(Images, DevicesAreLeftOut) {
  const RunResult imported = images({"import", in("root.tar"), "root"});
  EXPECT_NE(imported.err.find("1 devices"), std::string::npos) << imported.text();
  for (const auto& entry : fs::recursive_directory_iterator(store()))
    EXPECT_FALSE(fs::is_character_file(entry.symlink_status())) << entry.path();
}

// unpack-bounds: an archive that unpacks to more than is allowed is refused.
TEST_F(Images, BombsAreRefused) {
  const RunResult refused = images({"--max-size", "1M", "import", in("bomb.tar.gz"), "bomb"});
  EXPECT_EQ(refused.exit_status, 1) << refused.text();
  EXPECT_NE(refused.err.find("--max-size"), std::string::npos) << refused.text();
  EXPECT_EQ(images({"--max-size", "32M", "import", in("bomb.tar.gz"), "big"}).exit_status, 0);
}

struct Refused {
  const char* name;
  std::vector<std::string> words;
  const char* said;
};

// image-digests among them: a blob that is not what it is called.
TEST_F(Images, BrokenOnesAreToldInALine) {
  const std::vector<Refused> rows{
      {"a digest that lies", {"import", in("broken-digest"), "x"}, "another digest"},
      {"a digest that leads out", {"import", in("broken-name"), "x"}, "no sha256 digest"},
      {"a blob that is missing", {"import", in("broken-missing"), "x"}, "No such file"},
      {"an index of nothing", {"import", in("broken-index"), "x"}, "no image for amd64"},
      {"docker's, leading out", {"import", in("broken-docker.tar"), "x"}, "leads out"},
      {"text", {"import", in("text"), "x"}, "cannot be read as an archive"},
      {"nothing", {"import", in("empty"), "x"}, "empty"},
      {"half of one", {"import", in("cut.tar.gz"), "x"}, "cannot be read as an archive"},
      {"a directory", {"import", in("plain"), "x"}, "yett run"},
      {"what is not there", {"import", in("none"), "x"}, "none"},
      {"a name", {"import", in("root.tar"), "../x"}, "no name of an image"},
      {"a tag", {"import", in("root.tar"), "x:"}, "no name of an image"},
      {"an upper name", {"import", in("root.tar"), "/x"}, "no name of an image"},
      {"a size", {"--max-size", "big", "import", in("root.tar"), "x"}, "--max-size big"},
      {"nothing to import", {"import"}, "wanted a path"},
      {"rm of nothing", {"rm", "none"}, "no such image"},
      {"a word", {"imprt", "x"}, "imprt"},
  };
  for (const Refused& row : rows) {
    const RunResult result = images(row.words);
    EXPECT_EQ(result.exit_status, 1) << row.name << ": " << result.text();
    EXPECT_NE(result.err.find(row.said), std::string::npos) << row.name << ": " << result.text();
  }
  EXPECT_EQ(images({"-q"}).out, "");
  import_well("broken-user", "user");
  const RunResult result = run({"user"});
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_NE(result.err.find("nobody-there"), std::string::npos) << result.text();
}

}  // namespace
}  // namespace yett::test
