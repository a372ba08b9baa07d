// yett images import: files that are not what they were said to be, trees that cost more than their
// archive, and that the store gets rid of whatever it has taken.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/unique_fd.hpp"
#include "tests/integration/images_fixture.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class ImageSources : public ImagesFixture {
 protected:
  explicit ImageSources(std::vector<std::string> groups = {"linked", "deep", "costly"})
      : ImagesFixture(std::move(groups)) {}
  // Where few descriptors can be had.
  [[nodiscard]] RunResult images_with_few_files(const std::vector<std::string>& words) const {
    std::vector<std::string> command{"sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"};
    command.insert(command.end(), {yett_binary(), "images", "--image-root", store()});
    command.insert(command.end(), words.begin(), words.end());
    return run_program(command);
  }
  void expect_nothing_is_left() const {
    EXPECT_EQ(images({"-q"}).out, "");
    EXPECT_EQ(layers(), 0U);
    for (const auto& left : fs::directory_iterator(store()))
      EXPECT_FALSE(left.path().filename().string().starts_with("new.")) << left.path();
  }
};

// SECURITY(image-files-beneath): what an image says is its layer or its configuration is its own
// file, and none of the host's that a link leads to.
TEST_F(ImageSources, FilesBehindLinksAreNotTheHosts) {
  for (const char* name : {"layer.tar", "layer-itself.tar", "layer-upwards.tar", "config.tar",
                           "by-proc.tar", "blobs"}) {
    const RunResult refused = images({"import", in(std::string("linked-") + name), "evil"});
    EXPECT_EQ(refused.exit_status, 1) << name << run({"evil", "--", "cat", "/etc/canary"}).out;
    EXPECT_NE(refused.err.find("open"), std::string::npos) << name << ": " << refused.text();
  }
  expect_nothing_is_left();
  import_well("linked-none.tar", "good");
  EXPECT_EQ(run({"good", "--", "cat", "/etc/greeting"}).out, "hello from the image\n");
}

// SECURITY(unpack-depth)
TEST_F(ImageSources, TreesTooDeepAreRefused) {
  const RunResult refused = images({"import", in("deep-1500.tar"), "deep"});
  EXPECT_EQ(refused.exit_status, 1) << refused.text();
  EXPECT_NE(refused.err.find("256 directories deep"), std::string::npos) << refused.text();
  expect_nothing_is_left();
  import_well("deep-200.tar", "deep");
  EXPECT_EQ(run({"deep", "--", "find", "/d", "-name", "leaf"}).exit_status, 0);
  EXPECT_EQ(images({"rm", "deep"}).exit_status, 0);
  const RunResult pruned = images_with_few_files({"prune"});
  EXPECT_EQ(pruned.exit_status, 0) << pruned.text();
  expect_nothing_is_left();
}

// unpack-bounds: of what is no data, too: 1,500 directories, and links of 2 MB.
TEST_F(ImageSources, WhatCostsBesideDataCounts) {
  for (const char* file : {"costly-directories.tar.gz", "costly-links.tar.gz"}) {
    const RunResult refused = images({"--max-size", "3M", "import", in(file), "costly"});
    EXPECT_EQ(refused.exit_status, 1) << file << ": " << refused.text();
    EXPECT_NE(refused.err.find("--max-size"), std::string::npos) << refused.text();
    expect_nothing_is_left();
    EXPECT_EQ(images({"--max-size", "12M", "import", in(file), "costly"}).exit_status, 0) << file;
    EXPECT_EQ(images({"rm", "costly"}).exit_status, 0);
    EXPECT_EQ(images({"prune"}).exit_status, 0);
  }
}

// As a store has it whose layers were unpacked without a bound.
TEST_F(ImageSources, TheDeepestLayerIsPruned) {
  import_well("deep-200.tar", "kept");
  const std::string digest(64, 'b');
  fs::create_directories(store() + "/layers/" + digest + "/root");
  UniqueFd here(::open((store() + "/layers/" + digest + "/root").c_str(), O_PATH | O_CLOEXEC));
  for (int level = 0; level < 2500; ++level) {
    for (const char* name : {"0", "1"})  // as what lies deeper would be called
      EXPECT_TRUE(level % 100 != 0 || ::mkdirat(here.get(), name, 0755) == 0);
    ASSERT_EQ(::mkdirat(here.get(), "deeper", 0755), 0);
    here.reset(::openat(here.get(), "deeper", O_PATH | O_CLOEXEC));
  }
  const RunResult pruned = images_with_few_files({"prune"});
  EXPECT_EQ(pruned.out, digest + "\n") << pruned.text();
  EXPECT_EQ(layers(), 1U);
  EXPECT_EQ(run({"kept", "--", "cat", "/etc/greeting"}).out, "hello from the image\n");
}

// One that cannot be removed keeps no other from it, and no half of it is a layer.
TEST_F(ImageSources, PruneGoesOnAfterAFailure) {
  constexpr const char* kScript = R"(
cd "$1/layers" && mkdir -p a/root/x b/root c/root && mount -t tmpfs none a/root/x || exit 99
"$0" images --image-root "$1" prune; echo $?; umount "$1"/new.*/root/x && ls
"$0" images --image-root "$1" prune; ls -d "$1"/new.*)";
  fs::create_directories(store() + "/layers");
  fs::create_directories(store() + "/names");
  const RunResult ran = run_program({"unshare", "-m", "sh", "-c", kScript, yett_binary(), store()});
  EXPECT_EQ(ran.out, "b\nc\n1\n") << ran.text();
  EXPECT_NE(ran.err.find("yett: images: "), std::string::npos) << ran.text();
  expect_nothing_is_left();
}

// What has a name is on the disk: a power cut leaves no layer of empty files, and no torn name.
TEST_F(ImageSources, AreOnTheDiskBeforeTheyHaveAName) {
  YETT_REQUIRE(::access("/usr/bin/strace", X_OK) == 0, "strace is not installed");
  // Sanitizers cannot look for leaks in what is traced.
  const RunResult imported =
      run_program({"strace", "-E", "ASAN_OPTIONS=detect_leaks=0", "-o", directory_ + "/trace", "-e",
                   "trace=syncfs,fsync,rename", yett_binary(), "images", "--image-root", store(),
                   "import", in("deep-200.tar")});
  ASSERT_EQ(imported.exit_status, 0) << imported.text();
  std::ifstream trace(directory_ + "/trace");
  std::string calls;
  for (std::string line; std::getline(trace, line);)
    if (line.front() != '-' && line.front() != '+') calls += line.substr(0, line.find('(')) + " ";
  EXPECT_EQ(calls, "syncfs fsync rename fsync rename ");
}

class RewrittenImages : public ImageSources {
 protected:
  RewrittenImages() : ImageSources({"rewritten"}) {}

  static constexpr std::string_view kHashed = "as it was hashed\n";
  static constexpr std::string_view kRewritten = "as it is not!!!!\n";
  static_assert(kHashed.size() == kRewritten.size());

  // Imports; `path` is rewritten as soon as the directory `unpacked_to` is there, while all stands
  // still but the parser, which gets no further than a pipe is long.
  [[nodiscard]] RunResult import_while_rewriting(const std::string& what, const std::string& path,
                                                 const std::string& unpacked_to) const {
    std::ifstream file(path, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    const auto place = static_cast<off_t>(all.rfind(kHashed));
    const UniqueFd open(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    RunningProgram import(
        yett_command({"images", "--image-root", store(), "import", in(what), "app"}), {});
    for (int i = 0; i < 60'000 && !is_being_unpacked(unpacked_to); ++i) ::usleep(1000);
    import.kill(SIGSTOP);
    EXPECT_EQ(::pwrite(open.get(), kRewritten.data(), kRewritten.size(), place),
              static_cast<ssize_t>(kRewritten.size()));
    import.kill(SIGCONT);
    return import.wait();
  }
  [[nodiscard]] bool is_being_unpacked(const std::string& to) const {
    std::error_code error;
    for (const auto& work : fs::directory_iterator(store(), error))
      if (work.path().filename().string().starts_with("new.") && fs::exists(work.path() / to))
        return true;
    return false;
  }
  // The longest is the layer.
  [[nodiscard]] fs::path layer_blob() const {
    fs::path longest;
    for (const auto& blob : fs::directory_iterator(in("rewritten/blobs/sha256")))
      if (longest.empty() || blob.file_size() > fs::file_size(longest)) longest = blob.path();
    return longest;
  }
};

// SECURITY(image-hashed-once): what has a layer's name is what was hashed for it, and not what its
// file has become since. Other images would have the same layer.
TEST_F(RewrittenImages, WhatWasHashedIsWhatIsUnpacked) {
  const fs::path blob = layer_blob();
  const RunResult imported =
      import_while_rewriting("rewritten", blob.string(), blob.filename().string());
  EXPECT_EQ(imported.exit_status, 0) << imported.text();
  EXPECT_EQ(run({"app"}).out, kHashed) << run({"app"}).text();
  EXPECT_EQ(images({"rm", "app"}).exit_status, 0);
  EXPECT_EQ(images({"prune"}).exit_status, 0);
  const RunResult refused = images({"import", in("rewritten"), "app"});
  EXPECT_NE(refused.err.find("another digest"), std::string::npos) << refused.text();
  expect_nothing_is_left();
}

TEST_F(RewrittenImages, RootFileSystemsToo) {
  const RunResult imported = import_while_rewriting("rewritten.tar", in("rewritten.tar"), "outer");
  EXPECT_EQ(imported.exit_status, 0) << imported.text();
  EXPECT_EQ(run({"app", "--", "/bin/cat", "/etc/last"}).out, kHashed);
  // The twin: as it is now it has another name.
  import_well("rewritten.tar", "other");
  EXPECT_EQ(run({"other", "--", "/bin/cat", "/etc/last"}).out, kRewritten);
  EXPECT_EQ(layers(), 2U);
}

}  // namespace
}  // namespace yett::test
