// The relay's descriptors: non-blocking ones of its own where that gains nothing but that.
// SECURITY(reopen-stdio)
#include "supervisor/loop/relay_end.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace yett {
namespace {

bool is_own(BorrowedFd fd, RelayAccess access) {
  const UniqueFd end = open_relay_end(fd, access);
  EXPECT_TRUE(end.valid());
  return (::fcntl(end.get(), F_GETFL) & O_NONBLOCK) != 0 &&
         (::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) == 0;
}

class Terminal : public ::testing::Test {
 protected:
  void SetUp() override {
    int master = -1;
    int slave = -1;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    master_.reset(master);
    slave_.reset(slave);
  }
  UniqueFd master_;
  UniqueFd slave_;
};

TEST(RelayEnd, GivesNoMoreThanTheDescriptor) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd reader(pipe[0]);
  const UniqueFd writer(pipe[1]);
  EXPECT_TRUE(is_own(reader.borrow(), RelayAccess::read));
  EXPECT_TRUE(is_own(writer.borrow(), RelayAccess::write));
  EXPECT_FALSE(is_own(reader.borrow(), RelayAccess::write));
  EXPECT_FALSE(is_own(writer.borrow(), RelayAccess::read));
  const UniqueFd named(
      ::open(("/proc/self/fd/" + std::to_string(pipe[0])).c_str(), O_PATH | O_CLOEXEC));
  EXPECT_FALSE(is_own(named.borrow(), RelayAccess::write));
  const UniqueFd end = open_relay_end(reader.borrow(), RelayAccess::write);
  EXPECT_EQ(::write(end.get(), "x", 1), -1);
}

TEST_F(Terminal, OfAnotherSessionIsNotOpenedAgain) {
  EXPECT_FALSE(is_own(slave_.borrow(), RelayAccess::read));
  EXPECT_FALSE(is_own(slave_.borrow(), RelayAccess::write));
}

TEST_F(Terminal, OfTheOwnSessionIsOpenedAgain) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool taken = ::setsid() > 0 && ::ioctl(slave_.get(), TIOCSCTTY, 0) == 0;
    ::_exit(taken && is_own(slave_.borrow(), RelayAccess::write) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace yett
