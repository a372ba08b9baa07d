// The file that a container's label is written to, in mount namespaces whose /proc is what it is
// not.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "sandbox/container/container_context.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

// Over this process's own /proc; a file that takes whatever is written.
bool put_false_proc() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0 && ::mkdir("/proc/self", 0755) == 0 &&
         ::mkdir("/proc/self/attr", 0755) == 0 &&
         UniqueFd(::open("/proc/self/attr/exec", O_CREAT | O_WRONLY | O_CLOEXEC, 0666)).valid();
}

// SECURITY(container-label-file)
TEST(LabelFile, OfAFalseProcIsNotWritten) {
  YETT_REQUIRE(::geteuid() == 0, "mounting needs root");
  const pid_t child = ::fork();
  if (child == 0) {
    if (!put_false_proc()) ::_exit(2);
    const bool plainly = UniqueFd(::open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC)).valid();
    ::_exit(plainly && open_label_file({}) < 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(LabelFile, OfTheKernelsIs) {
  const bool has_labels = ::access("/proc/self/attr/exec", F_OK) == 0;
  EXPECT_EQ(UniqueFd(open_label_file({})).valid(), has_labels);
}

}  // namespace
}  // namespace yett::test
