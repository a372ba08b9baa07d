// One message of a socket and its descriptors: whole, or an error that says why, and then no
// descriptor is left open.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/receive_fds.hpp"

namespace yett {
namespace {

struct Frame {
  std::array<char, 8> bytes{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
};

class ReceiveFds : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
    given_[0] = given_[1] = theirs_.get();
    free_ = ::dup(0);
    ::close(free_);
  }
  // The lowest free descriptor is the one that was free before: nothing is left open.
  void expect_none_left() const {
    const int now = ::dup(0);
    EXPECT_EQ(now, free_);
    ::close(now);
  }
  ChildResult receive(std::span<int> fds = {}, int flags = 0) {
    return receive_frame(ours_.get(), &frame_, sizeof frame_, fds, flags);
  }
  void send(std::size_t size, std::size_t fds = 0) {
    ASSERT_EQ(
        send_with_fds(theirs_.get(), Frame{}.bytes.data(), size, std::span(given_).first(fds)),
        kDone);
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  std::array<int, kMaxPassedFds> given_{};
  std::array<int, kMaxPassedFds> got_{};
  Frame frame_{};
  int free_ = -1;
};

TEST_F(ReceiveFds, AWholeFrameWithItsDescriptors) {
  send(sizeof(Frame), 2);
  ASSERT_EQ(receive(got_), kDone);
  EXPECT_EQ(frame_.bytes, Frame{}.bytes);
  for (const int fd : got_) {
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    ::close(fd);
  }
  expect_none_left();
}

TEST_F(ReceiveFds, NoneCameIsMinusOne) {
  send(sizeof(Frame));
  got_ = {7, 7};
  ASSERT_EQ(receive(got_), kDone);
  EXPECT_EQ(got_, (std::array{-1, -1}));
}

TEST_F(ReceiveFds, MoreThanWantedAreClosed) {
  send(sizeof(Frame), 2);
  ASSERT_EQ(receive(std::span(got_).first(1)), kDone);
  ::close(got_[0]);
  expect_none_left();
}

TEST_F(ReceiveFds, FramesOfAnotherSizeAreNone) {
  send(sizeof(Frame) - 1, 1);
  EXPECT_EQ(receive(got_), EPROTO);
  EXPECT_EQ(got_[0], -1);
  expect_none_left();
  const std::string longer(sizeof(Frame) + 1, 'x');
  ASSERT_EQ(send_with_fds(theirs_.get(), longer.data(), longer.size(), {}), kDone);
  EXPECT_EQ(receive(got_), EPROTO);
}

TEST_F(ReceiveFds, DescriptorsThatNobodyExpectsAreAnError) {
  send(sizeof(Frame), 1);
  EXPECT_EQ(receive(), EPROTO);
  expect_none_left();
}

TEST_F(ReceiveFds, ClosedAndEmpty) {
  EXPECT_EQ(receive({}, MSG_DONTWAIT), EAGAIN);
  theirs_.reset();
  EXPECT_EQ(receive(got_), EPIPE);
}

// The other side left with a message of ours unread: what it had sent is still received.
TEST_F(ReceiveFds, AResetIsNoEnd) {
  send(sizeof(Frame));
  ASSERT_EQ(send_with_fds(ours_.get(), "x", 1, {}), kDone);
  theirs_.reset();
  EXPECT_EQ(receive(), kDone);
  EXPECT_EQ(receive(), EPIPE);
}

}  // namespace
}  // namespace yett
