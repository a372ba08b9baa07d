// Packages made, mounted and compared; what must not stay behind; many at once.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <vector>

#include "tests/integration/package_fixture.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

class PackageMount : public PackageTest, public ::testing::WithParamInterface<ImageKind> {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "mounting an image needs root");
    PackageTest::SetUp();
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, PackageMount,
                         ::testing::Values(ImageKind::squashfs, ImageKind::erofs), kind_name);

TEST_P(PackageMount, HoldsTheSameTree) {
  const std::string image = pack(GetParam(), "app.img");
  ASSERT_EQ(detect_image(image).value(), GetParam());
  const auto mount = mount_image(image, GetParam());
  ASSERT_TRUE(mount) << mount.error().message();
  EXPECT_EQ(describe_tree(through(*mount)), describe_tree(app()));
}

TEST_P(PackageMount, IsReadOnlyNosuidNodev) {
  const auto mount = mount_image(pack(GetParam(), "app.img"), GetParam());
  ASSERT_TRUE(mount) << mount.error().message();
  struct statvfs facts{};
  ASSERT_EQ(::fstatvfs(mount->fd().get(), &facts), 0);
  EXPECT_TRUE((facts.f_flag & ST_RDONLY) != 0);
  EXPECT_TRUE((facts.f_flag & ST_NOSUID) != 0);
  EXPECT_TRUE((facts.f_flag & ST_NODEV) != 0);
  EXPECT_LT(::open((through(*mount) + "/new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
  EXPECT_EQ(errno, EROFS);
}

// SECURITY(package_no_set_id)
TEST_P(PackageMount, SetUidAndDevicesDoNotTravel) {
  fs::permissions(app() / "hello.txt", fs::perms{06755});
  ASSERT_EQ(::mkfifo((app() / "fifo").c_str(), 0644), 0);
  const auto mount = mount_image(pack(GetParam(), "app.img"), GetParam());
  ASSERT_TRUE(mount) << mount.error().message();
  EXPECT_EQ(fs::status(through(*mount) + "/hello.txt").permissions(), fs::perms{0755});
  EXPECT_FALSE(fs::exists(through(*mount) + "/fifo"));
}

TEST_P(PackageMount, WorksFromATmpfsToo) {
  const std::string image = pack(GetParam(), "app.img");
  std::string shm = "/dev/shm/yett-package-XXXXXX";
  const int fd = ::mkstemp(shm.data());
  YETT_REQUIRE(fd >= 0, "/dev/shm is not writable");
  ::close(fd);
  fs::copy_file(image, shm, fs::copy_options::overwrite_existing);
  {
    const auto mount = mount_image(shm, GetParam());
    EXPECT_TRUE(mount) << mount.error().message();
    if (mount) {
      EXPECT_EQ(describe_tree(through(*mount)), describe_tree(app()));
    }
  }
  EXPECT_EQ(loops_of(shm), 0);
  fs::remove(shm);
}

TEST_P(PackageMount, EightAtATimeDoNotCollide) {
  const std::string image = pack(GetParam(), "app.img");
  std::vector<pid_t> children;
  for (int process = 0; process < 8; ++process) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int round = 0; round < 10; ++round) {
        const auto mount = mount_image(image, GetParam());
        if (!mount || read_all(through(*mount) + "/hello.txt") != "hello\n") ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

TEST_P(PackageMount, MoreMountsThanLoopNodesWork) {
  const std::string image = pack(GetParam(), "app.img");
  std::vector<DetachedMount> mounts;
  for (int i = 0; i < 12; ++i) {
    auto mount = mount_image(image, GetParam());
    ASSERT_TRUE(mount) << mount.error().message();
    mounts.push_back(std::move(*mount));
  }
  for (const DetachedMount& mount : mounts)
    EXPECT_EQ(read_all(through(mount) + "/hello.txt"), "hello\n");
}

TEST_P(PackageMount, SameInputGivesTheSameBytes) {
  const std::string first = pack(GetParam(), "first.img");
  const std::string second = pack(GetParam(), "second.img");
  EXPECT_EQ(digest_file(first).value(), digest_file(second).value());
}

TEST_P(PackageMount, AnImageOfTheOtherKindIsRefused) {
  const std::string image = pack(GetParam(), "app.img");
  const ImageKind other =
      GetParam() == ImageKind::squashfs ? ImageKind::erofs : ImageKind::squashfs;
  EXPECT_FALSE(mount_image(image, other));
  EXPECT_FALSE(mount_image(image, ImageKind::directory));
  EXPECT_FALSE(mount_image(app().string(), GetParam()));
}

TEST_P(PackageMount, TruncatedImagesAreRefusedAndNothingStays) {
  const std::string image = pack(GetParam(), "app.img");
  const std::string whole = read_all(image);
  const std::string cut = path("cut.img");
  for (std::size_t length = 0; length < whole.size();
       length += std::max<std::size_t>(
           1,
           std::min<std::size_t>(length, whole.size() / static_cast<std::size_t>(repeated(40))))) {
    write_all(cut, whole.substr(0, length));
    const bool only_padding_lost =
        GetParam() == ImageKind::squashfs && length + 4096 > whole.size();
    if (only_padding_lost) continue;
    const auto detected = detect_image(cut);
    EXPECT_FALSE(detected) << length;
    EXPECT_FALSE(mount_image(cut, GetParam())) << length;
    EXPECT_FALSE(read_manifest(cut, GetParam())) << length;
    if (!detected) {
      EXPECT_NE(detected.error().message().find(cut), std::string::npos);
    }
  }
}

TEST_P(PackageMount, AFailedPackLeavesNothing) {
  PackTree tree;
  ASSERT_TRUE(tree.add_directory(app().string(), "/"));
  fs::remove(app() / "hello.txt");  // gone between looking and reading
  const PackOptions options{.kind = GetParam(), .output = path("out.img")};
  const Status packed = pack_image(tree, options, {});
  ASSERT_FALSE(packed);
  EXPECT_NE(packed.error().message().find("hello.txt"), std::string::npos);
  for (const auto& entry : fs::directory_iterator(directory_))
    EXPECT_EQ(entry.path().filename(), "app");
}

TEST_P(PackageMount, OverwritesOnlyWhenToldTo) {
  PackTree tree;
  ASSERT_TRUE(tree.add_directory(app().string(), "/"));
  PackOptions options{.kind = GetParam(), .output = path("out.img")};
  write_all(options.output, "precious");
  EXPECT_FALSE(pack_image(tree, options, {}));
  EXPECT_EQ(read_all(options.output), "precious");
  options.overwrite = Overwrite::yes;
  EXPECT_TRUE(pack_image(tree, options, {}));
  EXPECT_EQ(detect_image(options.output).value(), GetParam());
}

}  // namespace
}  // namespace yett::test
