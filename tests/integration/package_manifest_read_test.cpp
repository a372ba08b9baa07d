// /yett.toml out of real images: what is read, what is refused, and what the reader may do.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <functional>
#include <random>

#include "sandbox/package/confined_reader.hpp"
#include "tests/integration/package_fixture.hpp"

namespace yett::test {
namespace {

class PackageManifestRead : public PackageTest, public ::testing::WithParamInterface<ImageKind> {
 protected:
  // The manifest of app() with this /yett.toml, out of the directory or out of an image of it.
  Result<PackageManifest> manifest_with(const std::string& text) {
    write_all(app() / "yett.toml", text);
    return manifest();
  }
  Result<PackageManifest> manifest() {
    if (GetParam() == ImageKind::directory) return read_manifest(app().string(), GetParam());
    return read_manifest(pack(GetParam(), "app.img"), GetParam());
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, PackageManifestRead,
                         ::testing::Values(ImageKind::squashfs, ImageKind::erofs,
                                           ImageKind::directory),
                         kind_name);

TEST_P(PackageManifestRead, AbsentIsNoError) {
  const auto found = manifest();
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_FALSE(found->present);
}

TEST_P(PackageManifestRead, SmallOneIsRead) {
  const auto found = manifest_with("name = \"x\"\ncommand = \"/bin/x -v\"\n");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_TRUE(found->present);
  EXPECT_EQ(found->name, "x");
  EXPECT_EQ(found->command.size(), 2U);
}

TEST_P(PackageManifestRead, LargestOneIsReadWhole) {
  std::string text = "name = \"x\"\n#";
  text.append((64U << 10) - text.size() - 13, 'c');
  text += "\nversion='7'\n";
  ASSERT_EQ(text.size(), 64U << 10);
  const auto found = manifest_with(text);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->version, "7");
}

TEST_P(PackageManifestRead, TooLargeOneIsRefused) {
  const auto found = manifest_with(std::string((64U << 10) + 1, '\n'));
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message().find("yett.toml: is larger than 65536 bytes"),
            std::string::npos)
      << found.error().message();
}

// SECURITY(manifest_in_root)
TEST_P(PackageManifestRead, DirectoryOrLinkIsRefused) {
  fs::create_directory(app() / "yett.toml");
  const auto directory = manifest();
  ASSERT_FALSE(directory);
  EXPECT_NE(directory.error().message().find("not a regular file"), std::string::npos);
  fs::remove(app() / "yett.toml");
  write_all(path("secret"), "name = \"secret\"\n");
  fs::create_symlink(path("secret"), app() / "yett.toml");
  const auto link = manifest();
  // Out of a directory the link leads to nothing below it; images hold no link that is followed.
  if (link) {
    EXPECT_FALSE(link->present);
  }
}

TEST_P(PackageManifestRead, ErrorsNameTheImageAndTheLine) {
  const auto found = manifest_with("\nnmae = \"x\"\n");
  ASSERT_FALSE(found);
  EXPECT_NE(
      found.error().message().find("/yett.toml:2:1: unknown key 'nmae' (did you mean 'name'?)"),
      std::string::npos)
      << found.error().message();
}

TEST_P(PackageManifestRead, FlippedBytesGiveAnAnswerOrACleanError) {
  if (GetParam() == ImageKind::directory) return;
  write_all(app() / "yett.toml", "name = \"x\"\n");
  const std::string whole = read_all(pack(GetParam(), "app.img"));
  const std::string flipped_path = path("flipped.img");
  const std::size_t superblock = GetParam() == ImageKind::squashfs ? 0 : 1024;
  std::mt19937 random(1);
  for (int round = 0; round < repeated(150); ++round) {
    std::string flipped = whole;
    const bool in_superblock = round % 2 == 0;
    const std::size_t at = in_superblock ? superblock + random() % 96 : random() % whole.size();
    flipped[at] = static_cast<char>(flipped[at] ^ (1U << random() % 8));
    write_all(flipped_path, flipped);
    const auto found = read_manifest(flipped_path, GetParam());
    if (!found) {
      EXPECT_FALSE(found.error().message().empty()) << at;
    }
  }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a reader was left behind";
}

// What the confined reader does when it is taken over: SIGSYS, whatever it tries.
int ending_of(const std::function<void(BorrowedFd)>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    const UniqueFd image(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0 || !confine_reader(image.borrow(), BorrowedFd(ends[1])))
      ::_exit(9);
    attempt(image.borrow());
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

// SECURITY(image_reader_confined)
TEST(ImageReaderConfined, ReadsTheImageAndNothingElse) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the filter is left out under sanitizers";
#endif
  const auto killed = [](int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; };
  EXPECT_EQ(ending_of([](BorrowedFd image) {
              char byte = 0;
              if (::pread(image.get(), &byte, 1, 0) != 1 || byte != 0x7F) ::_exit(1);
              delete[] new char[1 << 20];
            }),
            0);
  EXPECT_TRUE(killed(ending_of([](BorrowedFd) { (void)::open("/etc/passwd", O_RDONLY); })));
  EXPECT_TRUE(killed(ending_of([](BorrowedFd) { (void)::socket(AF_INET, SOCK_STREAM, 0); })));
  EXPECT_TRUE(killed(ending_of([](BorrowedFd) { (void)::syscall(SYS_fork); })));
  EXPECT_TRUE(killed(ending_of([](BorrowedFd) { (void)::kill(1, 0); })));
  EXPECT_TRUE(killed(ending_of([](BorrowedFd) {
    (void)::syscall(SYS_mmap, nullptr, 4096, 7 /* read, write, execute */, 0x22, -1, 0);
  })));
  EXPECT_TRUE(killed(ending_of([](BorrowedFd image) {
    (void)::syscall(SYS_mmap, nullptr, 4096, 1, 2 /* private, of a file */, image.get(), 0);
  })));
  EXPECT_TRUE(killed(ending_of([](BorrowedFd) { (void)::syscall(0x40000000 | SYS_getpid); })));
}

}  // namespace
}  // namespace yett::test
