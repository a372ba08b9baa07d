// Images of several layers: shared between images, each deletion as its layer means it.
#include <sys/stat.h>

#include <fstream>

#include "tests/integration/images_fixture.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Layers : public ImagesFixture {
 protected:
  Layers() : ImagesFixture({"good", "layered"}) {}
  // What `cd /data && find . | sort` finds in it.
  [[nodiscard]] std::string found_in(const std::string& name) const {
    const RunResult imported = images({"import", in(name), name});
    if (imported.exit_status != 0) return imported.text();
    const RunResult ran = run({name});
    return ran.exit_status == 0 ? ran.out : ran.text();
  }
};

constexpr const char* kAll =
    ".\n./gone\n./kept\n./old\n./tree\n./tree/deep\n./tree/deep/leaf\n./tree/leaf\n";

TEST_F(Layers, AreSharedAndPrunedByReference) {
  EXPECT_EQ(found_in("changeable"), kAll);
  EXPECT_EQ(layers(), 1U);
  EXPECT_EQ(found_in("layers-shared").find(".\n./added\n./gone\n"), 0U);
  EXPECT_EQ(layers(), 2U) << "the lower one was there";
  EXPECT_EQ(images({"rm", "changeable"}).exit_status, 0);
  EXPECT_EQ(images({"prune"}).out, "") << "the other image has it";
  EXPECT_EQ(run({"layers-shared", "--", "/bin/cat", "/data/kept"}).out, "kept\n");
  EXPECT_EQ(images({"rm", "layers-shared"}).exit_status, 0);
  EXPECT_EQ(images({"prune"}).exit_status, 0);
  EXPECT_EQ(layers(), 0U);
}

TEST_F(Layers, DeleteWhatLiesBelow) {
  EXPECT_EQ(found_in("layers-deleted"), ".\n./kept\n./old\n");
  EXPECT_EQ(found_in("layers-opaque"), ".\n./gone\n./kept\n./old\n./tree\n./tree/fresh\n");
  EXPECT_EQ(found_in("layers-again"), ".\n./gone\n./kept\n./old\n./tree\n./tree/fresh\n");
  EXPECT_EQ(found_in("layers-file-for-directory"), ".\n./gone\n./kept\n./old\n./tree\n");
}

TEST_F(Layers, OneThatHidesTheWholeRootIsTheLowest) {
  EXPECT_EQ(found_in("layers-all-hidden"), kAll);
  EXPECT_NE(run({"layers-all-hidden", "--", "/bin/cat", "/secret"}).exit_status, 0);
}

TEST_F(Layers, TheSameTwiceOrAsManyAsThereCanBe) {
  EXPECT_EQ(found_in("layers-same"), kAll);
  EXPECT_NE(found_in("layers-many").find("./118\n"), std::string::npos);
  const RunResult refused = images({"import", in("layers-too-many"), "x"});
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_NE(refused.err.find("more than 120 layers"), std::string::npos) << refused.text();
}

// With --exec-dir the image is mounted below the host's own directories.
TEST_F(Layers, BelowTheHostsDirectories) {
  ASSERT_EQ(images({"import", in("layers-deleted"), "app"}).exit_status, 0);
  const RunResult ran =
      run({"--overlay-dirs", "/etc", "--exec-dir", "/app", "app", "--", "/bin/ls", "/app/data"});
  EXPECT_EQ(ran.out, "kept\nold\n") << ran.text();
}

// A store that an earlier version filled: one tree for each image.
TEST_F(Layers, OfAnEarlierVersionsStoreStillRun) {
  ASSERT_EQ(images({"import", in("root.tar"), "new"}).exit_status, 0);
  const std::string tree(64, 'a');
  fs::create_directories(store() + "/trees/" + tree);
  fs::copy(fs::directory_iterator(store() + "/layers")->path() / "root",
           store() + "/trees/" + tree + "/root",
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  std::ofstream(store() + "/names/old%3alatest")
      << R"({"version":1,"name":"old","tag":"latest","tree":")" << tree
      << R"(","bytes":1,"created":"2026-11-01T00:00:00Z","command":["/bin/cat","/etc/greeting"],)"
      << R"("environment":[],"workingDirectory":"/","user":""})";
  EXPECT_EQ(run({"old"}).out, "hello from the image\n") << run({"old"}).text();
  EXPECT_EQ(images({"-q"}).out, "new:latest\nold:latest\n");
  EXPECT_EQ(images({"prune"}).out, "");
  EXPECT_EQ(images({"rm", "old"}).exit_status, 0);
  EXPECT_EQ(images({"prune"}).out, tree + "\n");
}

// images-in-use: a name that cannot be read may need any layer, so none is taken.
TEST_F(Layers, NothingIsPrunedThatAnUnreadableNameMayHave) {
  ASSERT_EQ(images({"import", in("root.tar"), "app"}).exit_status, 0);
  std::ofstream(store() + "/names/app%3alatest")
      << R"({"version":3,"name":"app","tag":"latest","layers":[]})";
  const RunResult pruned = images({"prune"});
  EXPECT_EQ(pruned.exit_status, 1) << pruned.text();
  EXPECT_NE(pruned.err.find("newer yett"), std::string::npos) << pruned.text();
  EXPECT_EQ(layers(), 1U);
}

}  // namespace
}  // namespace yett::test
