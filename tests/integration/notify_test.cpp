// The listener's end against real trapped calls: each is answered once, and a call that nobody
// answers is refused.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/notify/target_memory.hpp"
#include "supervisor/notify/target_process.hpp"
#include "tests/support/notified_child.hpp"

namespace yett {
namespace {

using test::NotifiedChild;
using test::Shared;

struct Answer {
  long value = 0;
  int error = 0;
};

Answer call(long number, const void* argument = nullptr) {
  errno = 0;
  const long value = ::syscall(number, argument);
  return {value, errno};
}

PendingNotification receive(const NotifiedChild& child) {
  EXPECT_TRUE(child.notified());
  auto received = receive_notification(child.listener());
  EXPECT_TRUE(received && received->has_value());
  return *std::move(*received);
}

TEST(Notify, GivesValueAndError) {
  const Shared<std::array<Answer, 2>> answers;
  NotifiedChild child({SYS_getppid}, [&] {
    (*answers)[0] = call(SYS_getppid);
    (*answers)[1] = call(SYS_getppid);
    return 0;
  });
  enable_sync_wake_up(child.listener());
  EXPECT_TRUE(receive(child).answer_value(777));
  EXPECT_TRUE(receive(child).answer_error(EACCES));
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ((*answers)[0].value, 777);
  EXPECT_EQ((*answers)[1].error, EACCES);
}

// SECURITY(fail-closed)
TEST(Notify, DroppedIsRefused) {
  const Shared<std::array<Answer, 2>> answers;
  NotifiedChild child({SYS_getppid}, [&] {
    (*answers)[0] = call(SYS_getppid);
    (*answers)[1] = call(SYS_getppid);
    return 0;
  });
  {
    const PendingNotification dropped = receive(child);
  }
  EXPECT_TRUE(receive(child).answer_error(0));  // no error is no permission
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ((*answers)[0].error, EPERM);
  EXPECT_EQ((*answers)[1].error, EPERM);
}

TEST(Notify, MovedOwesOnce) {
  const Shared<Answer> answer;
  NotifiedChild child({SYS_getppid}, [&] {
    *answer = call(SYS_getppid);
    return 0;
  });
  PendingNotification first = receive(child);
  {
    PendingNotification second = std::move(first);
    EXPECT_TRUE(second.answer_value(5));
    EXPECT_FALSE(second.answer_value(6));
  }
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(answer->value, 5);
}

TEST(Notify, TargetKilledWhilePending) {
  NotifiedChild child({SYS_getppid}, [] { return static_cast<int>(call(SYS_getppid).value); });
  PendingNotification pending = receive(child);
  EXPECT_TRUE(pending.still_valid());
  ::kill(child.pid(), SIGKILL);
  EXPECT_EQ(child.join(), -SIGKILL);
  EXPECT_FALSE(pending.still_valid());
  const Status answered = pending.answer_value(0);
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().kind, ErrorKind::target_gone);
}

TEST(Notify, TargetLeftBeforeReceive) {
  NotifiedChild child({SYS_getppid}, [] { return static_cast<int>(call(SYS_getppid).value); });
  ASSERT_TRUE(child.notified());
  ::kill(child.pid(), SIGKILL);
  EXPECT_EQ(child.join(), -SIGKILL);
  EXPECT_FALSE(child.notified(0));
  const auto received = receive_notification(child.listener());
  ASSERT_TRUE(received);
  EXPECT_FALSE(received->has_value());
}

TEST(TargetMemory, CopiesBothWays) {
  struct Text {
    char from[32] = "read me";
    char to[32] = "";
  };
  const Shared<Text> text;
  NotifiedChild child({SYS_getppid}, [&] {
    call(SYS_getppid, &*text);
    return 0;
  });
  PendingNotification pending = receive(child);
  const std::uint64_t address = pending.data().args[0];
  std::array<std::byte, 8> copy{};
  EXPECT_TRUE(read_target(pending, address, copy));
  EXPECT_STREQ(reinterpret_cast<const char*>(copy.data()), "read me");
  EXPECT_EQ(read_target_text(pending, address, 4), "read");
  EXPECT_TRUE(write_target(pending, address + offsetof(Text, to), copy));
  EXPECT_TRUE(pending.answer_value(0));
  EXPECT_EQ(child.join(), 0);
  EXPECT_STREQ(text->to, "read me");
}

// SECURITY(no-forced-write): a page that the target may only read stays as it is.
TEST(TargetMemory, GoesByTheTargetsProtections) {
  const long page = ::sysconf(_SC_PAGESIZE);
  const Shared<char> content;
  NotifiedChild child({SYS_getppid}, [&] {
    char* both =
        static_cast<char*>(::mmap(nullptr, static_cast<std::size_t>(2 * page),
                                  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::memset(both, 'a', static_cast<std::size_t>(page));
    ::mprotect(both, static_cast<std::size_t>(page), PROT_READ);
    ::munmap(both + page, static_cast<std::size_t>(page));
    call(SYS_getppid, both);
    *content = both[0];
    return 0;
  });
  PendingNotification pending = receive(child);
  const std::uint64_t address = pending.data().args[0];
  std::array<std::byte, 8> bytes{};
  const Status written = write_target(pending, address, bytes);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().sys_errno, EFAULT);
  EXPECT_TRUE(read_target(pending, address, bytes));
  for (const std::uint64_t bad :
       {std::uint64_t{0}, std::uint64_t{8}, address + static_cast<std::uint64_t>(page) - 4,
        std::uint64_t{0xFFFF'8000'0000'0000}, UINT64_MAX - 3}) {
    const Status read = read_target(pending, bad, bytes);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().sys_errno, EFAULT) << bad;
  }
  EXPECT_TRUE(pending.answer_value(0));
  EXPECT_EQ(child.join(), 0);
  EXPECT_EQ(*content, 'a');
}

TEST(TargetMemory, SaysWhenTheTargetLeft) {
  NotifiedChild child({SYS_getppid}, [] { return static_cast<int>(call(SYS_getppid).value); });
  const PendingNotification pending = receive(child);
  ::kill(child.pid(), SIGKILL);
  EXPECT_EQ(child.join(), -SIGKILL);
  std::array<std::byte, 8> bytes{};
  EXPECT_EQ(read_target(pending, 4096, bytes).error().kind, ErrorKind::target_gone);
  EXPECT_EQ(write_target(pending, 4096, bytes).error().kind, ErrorKind::target_gone);
  EXPECT_EQ(read_comm(pending), "");
  EXPECT_FALSE(read_inner_ids(pending));
}

TEST(TargetProcess, TellsNameAndNumbers) {
  NotifiedChild child({SYS_getppid}, [] {
    ::prctl(PR_SET_NAME, "a\nb");
    return static_cast<int>(call(SYS_getppid).value);
  });
  PendingNotification pending = receive(child);
  EXPECT_EQ(read_comm(pending), "a\nb");
  const auto ids = read_inner_ids(pending);
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->process, child.pid());
  EXPECT_EQ(ids->thread, child.pid());
  EXPECT_TRUE(pending.answer_value(0));
  EXPECT_EQ(child.join(), 0);
}

}  // namespace
}  // namespace yett
