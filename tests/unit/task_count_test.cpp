// The count of a sandbox's tasks, with processes of the test in the place of the sandbox's.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "supervisor/meter/process_stat.hpp"
#include "supervisor/meter/process_tree.hpp"
#include "supervisor/meter/task_count.hpp"
#include "supervisor/meter/task_scan.hpp"
#include "tests/support/await.hpp"

namespace yett {
namespace {

using test::comes_true;

class TaskCountOf : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0); }
  void TearDown() override {
    for (std::vector<int> left = children_of(::getpid()); !left.empty();
         left = children_of(::getpid())) {
      for (const int child : left) ::kill(child, SIGKILL);
      static_cast<void>(::waitpid(-1, nullptr, 0));
    }
  }

  int fork_one(const std::function<void()>& work) {
    const int child = ::fork();
    if (child != 0) {
      children_.push_back(child);
      return child;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    ::_exit(0);
  }
  static void sleep_for_good() {
    for (;;) ::pause();
  }
  static void spin_for_good() {
    std::atomic<int> turns = 0;
    for (;;) ++turns;
  }
  static bool stands_still(int child) {
    const auto stat = stat_of_process(child);
    return stat && stat->state == 'T';
  }

  std::vector<int> children_;
};

TEST_F(TaskCountOf, ThreadsAndOrphansAreAmongThem) {
  EXPECT_EQ(count_tasks_below(::getpid()), 0U);
  fork_one(sleep_for_good);
  fork_one([] {
    std::thread([] { sleep_for_good(); }).detach();
    sleep_for_good();
  });
  fork_one([] {
    if (::fork() == 0 && ::fork() == 0) sleep_for_good();  // a child of one that has ended
  });
  // With two that end, and that nobody has waited for yet.
  EXPECT_TRUE(comes_true([] { return count_tasks_below(::getpid()) == 6; }));
  for (int i = 0; i < 2; ++i) EXPECT_GT(::waitpid(-1, nullptr, 0), 0);
  EXPECT_EQ(count_tasks_below(::getpid()), 4U);
  EXPECT_EQ(count_tasks_below(children_[1]), 0U);
}

// SECURITY(fallback-forks): whoever was let run and may not have forked yet counts as one more.
TEST_F(TaskCountOf, WhoWasLetRunCountsUntilItHasComeBack) {
  const int one = fork_one(spin_for_good);
  const int two = fork_one(spin_for_good);
  TaskCount tasks(::getpid(), 4);
  int answered = 0;
  const auto admit = [&](int thread) { return tasks.admit(thread, [&] { ++answered; }); };
  EXPECT_TRUE(admit(one));
  EXPECT_TRUE(admit(two));
  EXPECT_EQ(answered, 2);
  const int three = fork_one(sleep_for_good);  // one of the two has, as far as anybody knows
  EXPECT_FALSE(admit(three));
  EXPECT_EQ(answered, 2);
  for (const int child : {one, two}) ::kill(child, SIGSTOP);
  ASSERT_TRUE(comes_true([&] { return stands_still(one) && stands_still(two); }));
  EXPECT_TRUE(comes_true([&] { return admit(three); }));  // the twin
  EXPECT_EQ(answered, 3);
}

// What a sandbox's first process leaves when it is killed is below nobody, and ends.
TEST_F(TaskCountOf, NobodyForksWhenTheFirstOneHasEnded) {
  const int first = fork_one(sleep_for_good);
  const int other = fork_one(sleep_for_good);
  TaskCount tasks(first, 4);
  EXPECT_TRUE(tasks.admit(other, [] {}));  // the twin
  TaskCount late(first, 4);
  ::kill(first, SIGKILL);
  ASSERT_TRUE(comes_true([first] { return stat_of_process(first)->state == 'Z'; }));
  EXPECT_FALSE(late.admit(other, [] {}));
}

}  // namespace
}  // namespace yett
