// The confinement of the process that parses archives: in force, and each step with its twin.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/clone.hpp"
#include "runsc-like/images/archive_message.hpp"
#include "runsc-like/images/archive_reader.hpp"
#include "runsc-like/images/remove_tree.hpp"
#include "runsc-like/images/unpack.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

enum class Layer { on, off };

// What `attempt` returns in a child that is confined as a parser is, or not; -1: it was not begun.
int in_child(Layer layer, const std::function<int()>& attempt) {
  const int archive = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  std::array<int, 2> ends{};
  if (archive < 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    if (layer == Layer::on && !confine_archive_parser(BorrowedFd(archive), BorrowedFd(ends[1])))
      ::_exit(250);
    ::_exit(attempt());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  for (const int fd : {archive, ends[0], ends[1]}) ::close(fd);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

struct Attempt {
  const char* name;
  std::function<int()> call;  // 0: it could
};

int result(long returned) { return returned >= 0 ? 0 : errno; }

const std::vector<Attempt>& attempts() {
  static const std::vector<Attempt> all{
      {"open", [] { return result(::open("/etc/passwd", O_RDONLY | O_CLOEXEC)); }},
      {"create", [] { return result(::open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)); }},
      {"stat", [] { return result(::access("/etc", F_OK)); }},
      {"socket", [] { return result(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }},
      {"fork", [] { return result(::syscall(SYS_fork)); }},
      {"kill", [] { return result(::kill(::getppid(), 0)); }},
      {"chroot", [] { return result(::chroot("/")); }},
  };
  return all;
}

TEST(ArchiveParser, CanDoNothingButReadAndAnswer) {
  YETT_REQUIRE(::geteuid() == 0, "chroot needs root");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's run-time needs the calls itself";
#endif
  // SECURITY(archive_parser_confined)
  for (const Attempt& attempt : attempts()) {
    EXPECT_EQ(in_child(Layer::on, attempt.call), EPERM) << attempt.name;
    EXPECT_EQ(in_child(Layer::off, attempt.call), 0) << attempt.name << ": the twin";
  }
}

// These hold without the filter, too: prctl is not among its calls, so they are looked at by
// effect.
TEST(ArchiveParser, HasOnlyItsTwoDescriptors) {
  const int other = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  const auto read_it = [other] {
    char byte = 0;
    return ::read(other, &byte, 1) == 1 ? 0 : errno;
  };
  EXPECT_EQ(in_child(Layer::on, read_it), EBADF);
  EXPECT_EQ(in_child(Layer::off, read_it), 0);
  ::close(other);
}

TEST(ArchiveParser, MakesNothingExecutable) {
  const auto map = [](int protection) {
    return [protection] {
      void* at = ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return at != MAP_FAILED ? 0 : errno;
    };
  };
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_EQ(in_child(Layer::on, map(PROT_READ | PROT_EXEC)), EPERM);
#endif
  EXPECT_EQ(in_child(Layer::on, map(PROT_READ | PROT_WRITE)), 0);
  EXPECT_EQ(in_child(Layer::off, map(PROT_READ | PROT_EXEC)), 0);
}

// ---- a parser that was taken over
// ----------------------------------------------------------------

std::string bytes_of(const auto& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string message(ArchiveMessageKind kind, const std::string& bytes) {
  return bytes_of(ArchiveMessage{.kind = kind, .size = static_cast<std::uint32_t>(bytes.size())}) +
         bytes;
}

std::string entry(EntryKind kind, const std::string& path, const std::string& link = {}) {
  const ArchiveEntryHeader header{.modified = 0,
                                  .kind = kind,
                                  .mode = 0644,
                                  .path_size = static_cast<std::uint32_t>(path.size()),
                                  .link_size = static_cast<std::uint32_t>(link.size())};
  return message(ArchiveMessageKind::entry, bytes_of(header) + path + link);
}

std::string data(const std::string& bytes) { return message(ArchiveMessageKind::data, bytes); }
std::string end() { return message(ArchiveMessageKind::end, {}); }

enum class After { closes, is_silent };

// What the unpacker says of a parser that has sent this; empty: it is content.
std::string unpacked(const std::string& messages, const std::string& into,
                     After after = After::closes) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const ssize_t put = ::write(ends[1], messages.data(), messages.size());
    if (after == After::closes) ::_exit(put < 0 ? 1 : 0);
    for (;;) ::pause();
  }
  ::close(ends[1]);
  auto pidfd = open_pidfd(child);
  if (!pidfd) return "pidfd";
  const auto longest = after == After::closes ? std::chrono::seconds(100) : std::chrono::seconds(1);
  ArchiveReader archive = ArchiveReader::of_parser(ChildProcess(child, std::move(*pidfd)),
                                                   UniqueFd(ends[0]), "fake", longest);
  const UniqueFd root(::open(into.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UnpackBounds bounds;
  const auto done = unpack_archive(archive, root.borrow(), Whiteouts::overlay, bounds);
  return done ? std::string() : done.error().message();
}

class FakeArchiveParser : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = "/tmp/yett-parser-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    fs::create_directories(root());
    std::ofstream(directory_ + "/sibling") << "kept";
  }
  void TearDown() override {
    EXPECT_TRUE(fs::exists(directory_ + "/sibling"));
    fs::remove_all(directory_);
  }
  [[nodiscard]] std::string root() const { return directory_ + "/root"; }
  std::string directory_;
};

TEST_F(FakeArchiveParser, ThatKeepsToTheRulesIsUnpacked) {
  EXPECT_EQ(unpacked(entry(EntryKind::file, "a/b") + data("con") + data("tent") +
                         entry(EntryKind::symlink, "l", "b") + end(),
                     root()),
            "");
  std::string text;
  std::getline(std::ifstream(root() + "/a/b"), text);
  EXPECT_EQ(text, "content");
}

// SECURITY(archive-names)
TEST_F(FakeArchiveParser, NamesAreWhatTheyAreLookedAtAs) {
  using namespace std::string_literals;
  for (const std::string& name : {"..\0x"s, "a/..\0x"s, "a\0"s})
    for (const EntryKind kind : {EntryKind::file, EntryKind::directory, EntryKind::symlink}) {
      EXPECT_NE(unpacked(entry(kind, name, "x") + end(), root()), "") << name;
      EXPECT_NE(unpacked(entry(kind, "link", name) + end(), root()), "") << name;
    }
}

TEST_F(FakeArchiveParser, TellsNothingButEntriesAndTheirData) {
  const ArchiveEntryHeader longer{.path_size = 9, .link_size = UINT32_MAX};
  const std::vector<std::pair<const char*, std::string>> rows{
      {"no data at all, for ever", entry(EntryKind::file, "a") + data("") + end()},
      {"data of a link", entry(EntryKind::symlink, "a", "b") + data("x") + end()},
      {"data of nothing", data("x") + end()},
      {"more data than may be", entry(EntryKind::file, "a") + data(std::string(65537, 'x'))},
      {"an entry without its header", message(ArchiveMessageKind::entry, "short")},
      {"texts longer than the message", message(ArchiveMessageKind::entry, bytes_of(longer))},
      {"an unknown kind", message(ArchiveMessageKind{7}, "")},
      {"an unknown kind of entry", entry(EntryKind{77}, "a")},
      {"an end with something in it", message(ArchiveMessageKind::end, "x")},
      {"no end", entry(EntryKind::file, "a") + data("x")},
      {"half a message", entry(EntryKind::file, "a").substr(0, 5)},
      {"an error", message(ArchiveMessageKind::error, "said")},
  };
  for (const auto& [name, messages] : rows) EXPECT_NE(unpacked(messages, root()), "") << name;
}

TEST_F(FakeArchiveParser, IsNotListenedToForEver) {
  const std::string said = unpacked(entry(EntryKind::file, "a"), root(), After::is_silent);
  EXPECT_NE(said.find("takes too long"), std::string::npos) << said;
}

TEST_F(FakeArchiveParser, TreesAreNeverRemovedUpwards) {
  using namespace std::string_literals;
  const UniqueFd open(::open(root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const std::string& name : {".."s, "..\0x"s, "../sibling/"s})
    EXPECT_FALSE(remove_tree(open.borrow(), name)) << name;
  fs::create_directories(root() + "/a/b");
  EXPECT_TRUE(remove_tree(open.borrow(), "a"));
  EXPECT_FALSE(fs::exists(root() + "/a"));
}

}  // namespace
}  // namespace yett::test
