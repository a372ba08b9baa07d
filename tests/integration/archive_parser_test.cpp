// The confinement of the process that parses archives: in force, and each step with its twin.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <vector>

#include "runsc-like/images/archive_reader.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

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

}  // namespace
}  // namespace yett::test
