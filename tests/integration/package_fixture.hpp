// A temporary directory with a small tree worth packing, and what a test may leave behind.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "sandbox/package/pack/pack_image.hpp"
#include "sandbox/package/pack/pack_tree.hpp"
#include "sandbox/package/package.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {

namespace fs = std::filesystem;

// What can be read: a device in /sys may go while it is looked at.
inline std::string read_all(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write_all(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// Every entry below `root`: kind, mode and content in one line each.
inline std::map<std::string, std::string> describe_tree(const fs::path& root) {
  std::map<std::string, std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::ostringstream line;
    const auto mode = static_cast<unsigned>(entry.symlink_status().permissions());
    if (entry.is_symlink())
      line << "link " << fs::read_symlink(entry).string();
    else if (entry.is_directory())
      line << "directory " << std::oct << mode;
    else
      line << "file " << std::oct << mode << ' ' << read_all(entry.path());
    lines[entry.path().lexically_relative(root).string()] = line.str();
  }
  return lines;
}

class PackageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "yett-package-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    fs::create_directories(app() / "lib" / "deep" / "er");
    write_all(app() / "empty", "");
    write_all(app() / "hello.txt", "hello\n");
    std::string large;
    for (int i = 0; large.size() < 600'000; ++i) large += std::to_string(i * 7919) + "\n";
    write_all(app() / "lib" / "large", large);
    for (int i = 0; i < repeated(300); ++i)
      write_all(app() / "lib" / "deep" / ("f" + std::to_string(i)),
                std::string(static_cast<std::size_t>(i) * 37, 'x') + std::to_string(i));
    fs::permissions(app() / "hello.txt", fs::perms{0755});
    fs::create_symlink("../hello.txt", app() / "lib" / "link");
    fs::create_symlink("/nowhere", app() / "dangling");
  }

  void TearDown() override {
    EXPECT_EQ(loops_of(directory_), 0) << "a loop device stayed behind";
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }

  [[nodiscard]] fs::path app() const { return fs::path(directory_) / "app"; }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  // Packs app() and returns the image's path.
  [[nodiscard]] std::string pack(ImageKind kind, const std::string& name) const {
    PackTree tree;
    EXPECT_TRUE(tree.add_directory(app().string(), "/"));
    const PackOptions options{
        .kind = kind, .output = path(name), .overwrite = Overwrite::yes, .image_time = 1};
    const Status packed = pack_image(tree, options, {});
    EXPECT_TRUE(packed) << packed.error().message();
    return options.output;
  }

  // Loop devices over files below `directory`. The kernel clears a device a moment after its last
  // user is gone, so this waits for none, up to two seconds.
  static int loops_of(const std::string& directory) {
    int count = 0;
    for (int attempt = 0; attempt < 100; ++attempt) {
      count = 0;
      for (const auto& device : fs::directory_iterator("/sys/block"))
        if (read_all(device.path() / "loop" / "backing_file").starts_with(directory)) ++count;
      if (count == 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return count;
  }

  static std::string through(const DetachedMount& mount) {
    return "/proc/self/fd/" + std::to_string(mount.fd().get()) + "/.";
  }

  std::string directory_;
};

inline std::string kind_name(const ::testing::TestParamInfo<ImageKind>& info) {
  if (info.param == ImageKind::directory) return "directory";
  return info.param == ImageKind::squashfs ? "squashfs" : "erofs";
}

}  // namespace yett::test
