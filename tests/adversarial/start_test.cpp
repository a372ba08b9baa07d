// security.md, "Start and exec": what a sandbox is left with when its program starts.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

const std::string kAttacks = YETT_BUILD_DIR "/attacks";

class Start : public ::testing::Test {
 protected:
  void SetUp() override { YETT_REQUIRE(::geteuid() == 0, "mounting needs root"); }
};

// SECURITY(no-leaked-fds)
TEST_F(Start, DescriptorsOfTheCallerStayOutside) {
  RunOptions options;
  options.before_exec = [] {
    for (int fd = 3; fd < 64; ++fd) ::dup2(::open("/", O_RDONLY), fd);  // not close-on-exec
  };
  const RunResult inside =
      run_yett({"run", "-v", kAttacks + ":/attacks:ro", "--", "/attacks/leftovers"}, options);
  EXPECT_EQ(inside.exit_status, 0) << inside.text();
  for (int fd = 0; fd < 3; ++fd)
    EXPECT_NE(inside.out.find("fd " + std::to_string(fd) + " "), std::string::npos) << fd;
  for (int fd = 3; fd < 64; ++fd)
    EXPECT_EQ(inside.out.find("fd " + std::to_string(fd) + " "), std::string::npos)
        << inside.text();

  const RunResult outside = run_program({kAttacks + "/leftovers"}, options);
  EXPECT_NE(outside.out.find("fd 63 /\n"), std::string::npos) << "the caller did not leak any";
}

}  // namespace
}  // namespace yett::test
