// When it is the keeper's turn.
#include "sandbox/guard/keeper_ties_child.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {
namespace {

// A process that does nothing, until it is killed.
class Idler {
 public:
  Idler() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  Idler(const Idler&) = delete;
  Idler& operator=(const Idler&) = delete;
  ~Idler() { die(); }
  [[nodiscard]] UniqueFd pidfd() const {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  void die() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  int pid_;
};

class KeeperTiesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    gate_.reset(ends[0]);
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    hold_.reset(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(::flock(hold_.get(), LOCK_EX | LOCK_NB), 0);
    ties_ = KeeperTies(ends[1], supervisor_.pidfd().release());
  }
  void TearDown() override {
    ties_.close_all();
    ::rmdir(directory_.c_str());
  }
  KeeperTurn look() { return ties_.look(directory_.c_str()); }
  void say(KeeperWord word, BorrowedFd fd = {}) const {
    const int passed = fd.get();
    EXPECT_EQ(send_with_fds(gate_.get(), &word, sizeof word, {&passed, fd.valid() ? 1U : 0U}), 0);
  }

  Idler supervisor_;
  UniqueFd gate_;
  UniqueFd hold_;
  std::string directory_ = "/tmp/yett-ties-XXXXXX";
  KeeperTies ties_;
};

TEST_F(KeeperTiesTest, ComesWhenTheSupervisorLetsGo) {
  EXPECT_EQ(look(), KeeperTurn::wait);
  say(KeeperWord::hold, hold_.borrow());
  EXPECT_EQ(look(), KeeperTurn::wait);
  say(KeeperWord::go);
  EXPECT_EQ(look(), KeeperTurn::clear);
}

TEST_F(KeeperTiesTest, ComesWhenTheSupervisorIsDeadThoughTheGateIsOpen) {
  say(KeeperWord::hold, hold_.borrow());
  EXPECT_EQ(look(), KeeperTurn::wait);
  supervisor_.die();
  EXPECT_EQ(look(), KeeperTurn::clear);
}

TEST_F(KeeperTiesTest, ReadsWhatADeadOneHasSaidLast) {
  say(KeeperWord::hold, hold_.borrow());
  supervisor_.die();
  gate_.reset();
  EXPECT_EQ(look(), KeeperTurn::clear);
}

TEST_F(KeeperTiesTest, ComesWhenTheGateIsClosed) {
  say(KeeperWord::hold, hold_.borrow());
  gate_.reset();
  EXPECT_EQ(look(), KeeperTurn::clear);
}

// Whoever makes a directory may be killed before it has said so.
TEST_F(KeeperTiesTest, WithoutTheHoldItTakesItFromTheDead) {
  gate_.reset();
  EXPECT_EQ(look(), KeeperTurn::wait) << "the supervisor lives";
  EXPECT_EQ(ties_.watched()[0], -1) << "nothing comes from there any more";
  hold_.reset();
  supervisor_.die();
  EXPECT_EQ(look(), KeeperTurn::clear);
}

TEST_F(KeeperTiesTest, LeavesWhatAnotherOneHolds) {
  supervisor_.die();
  EXPECT_EQ(look(), KeeperTurn::leave);
}

TEST_F(KeeperTiesTest, LeavesWhatWasGivenUp) {
  hold_.reset();
  say(KeeperWord::go);
  EXPECT_EQ(look(), KeeperTurn::leave);
}

TEST_F(KeeperTiesTest, WaitsForASuccessor) {
  Idler successor;
  say(KeeperWord::hold, hold_.borrow());
  const UniqueFd pidfd = successor.pidfd();
  say(KeeperWord::successor, pidfd.borrow());
  supervisor_.die();
  EXPECT_EQ(look(), KeeperTurn::wait);
  successor.die();
  EXPECT_EQ(look(), KeeperTurn::clear);
}

TEST_F(KeeperTiesTest, KeepsWhatCameLastForWhoClosesIt) {
  say(KeeperWord::hold, hold_.borrow());
  say(KeeperWord::go, hold_.borrow());
  EXPECT_EQ(look(), KeeperTurn::clear);
  const UniqueFd last(ties_.take_last());
  EXPECT_TRUE(last.valid());
  EXPECT_EQ(ties_.take_last(), -1);
}

// What is sent without an end does not keep the keeper from others.
TEST_F(KeeperTiesTest, AFloodIsReadInParts) {
  for (int i = 0; i < 100; ++i) say(KeeperWord::hold, hold_.borrow());
  supervisor_.die();
  int looks = 1;
  while (look() == KeeperTurn::wait && looks < 100) ++looks;
  EXPECT_GT(looks, 3);
  EXPECT_LT(looks, 20);
}

}  // namespace
}  // namespace yett
