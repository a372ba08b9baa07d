// How small a package of Python is, and that it runs all the same.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

struct Form {
  const char* name;
  std::vector<std::string> flags;
};

class PythonPackage : public ::testing::TestWithParam<Form> {
 protected:
  void SetUp() override { YETT_REQUIRE(::geteuid() == 0, "the full mode needs root"); }
  void TearDown() override { std::filesystem::remove(package()); }

  static std::string package() {
    return std::string(YETT_BUILD_DIR "/python-size.") + GetParam().name;
  }
};

// Debian 12's mkfs.erofs knows no lzma: the directory of one that does, the same source built with
// it.
std::string directory_of_mkfs_erofs() {
  RunResult made = run_program({YETT_SOURCE_DIR "/tests/workload/mkfs_erofs.sh", YETT_BUILD_DIR},
                               {.timeout = std::chrono::minutes(5)});
  EXPECT_EQ(made.exit_status, 0) << made.text();
  return made.out.substr(0, made.out.find('\n'));
}

// "  47.1 MiB of files in 17.0 MiB: 63.9 % smaller"
double percent_smaller(const std::string& summary) {
  const auto end = summary.find(" % smaller");
  const auto begin = summary.rfind(' ', end - 1);
  return end == std::string::npos ? 0.0 : std::strtod(summary.c_str() + begin, nullptr);
}

TEST_P(PythonPackage, IsSixtyPercentSmallerThanItsFiles) {
  std::vector<std::string> line{"env", "PATH=" + directory_of_mkfs_erofs() + ":/usr/bin:/bin",
                                yett_binary(), "pack", "--force"};
  line.insert(line.end(), GetParam().flags.begin(), GetParam().flags.end());
  line.insert(line.end(), {"--from-host", "/usr/bin/python3", package()});
  const RunResult packed = run_program(line, {.timeout = std::chrono::minutes(5)});
  ASSERT_EQ(packed.exit_status, 0) << packed.text();
  EXPECT_GE(percent_smaller(packed.out), 60.0) << packed.out;
  const RunResult run = run_yett({"run", package(), "--", "python3", "-c",
                                  "import ssl,sqlite3,json,threading,subprocess; "
                                  "subprocess.run(['/usr/bin/python3', '-c', 'print(6 * 7)'])"});
  EXPECT_EQ(run.out, "42\n") << run.text();
}

INSTANTIATE_TEST_SUITE_P(As, PythonPackage,
                         ::testing::Values(Form{"sqfs", {"--level", "9"}},
                                           Form{"erofs", {"--compressor", "lzma", "--level", "1"}}),
                         [](const auto& form) { return std::string(form.param.name); });

}  // namespace
}  // namespace yett::test
