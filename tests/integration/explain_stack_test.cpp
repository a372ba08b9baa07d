// `yett run --trace --stack`: a refusal tells where in the program the call was made.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;
using test::run_yett;
using test::RunResult;

// Prints the file and the offset of libc's mknodat(), and calls it: a device, which is refused.
constexpr const char* kScript = R"(
import ctypes
call = ctypes.CDLL(None).mknodat
place = ctypes.cast(call, ctypes.c_void_p).value
for line in open('/proc/self/maps'):
    words = line.split()
    begin, end = (int(each, 16) for each in words[0].split('-'))
    if begin <= place < end:
        print(words[-1], place - begin + int(words[2], 16))
call(-100, b'/tmp/device', 0o60600, 0)
)";

class ExplainedStack : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::getuid() == 0, "needs root");
    YETT_REQUIRE(::access("/usr/bin/python3", X_OK) == 0, "python3 is not installed");
    std::string name = (fs::temp_directory_path() / "yett-stack-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }
  [[nodiscard]] std::string log() const { return directory_ / "audit.jsonl"; }
  [[nodiscard]] RunResult run(std::vector<std::string> flags) const {
    std::vector<std::string> line{"run", "--trace", "--audit", log()};
    line.insert(line.end(), flags.begin(), flags.end());
    line.insert(line.end(), {"--", "/usr/bin/python3", "-c", kScript});
    return run_yett(std::move(line));
  }
  [[nodiscard]] RunResult explain() const {
    return run_yett({"explain", "--audit", log(), "last"});
  }

  fs::path directory_;
};

TEST_F(ExplainedStack, IsTheCallersPlace) {
  const RunResult ran = run({"--stack"});
  ASSERT_EQ(ran.exit_status, 0) << ran.text();
  const std::size_t space = ran.out.find(' ');
  ASSERT_NE(space, std::string::npos) << ran.text();
  const std::string file = ran.out.substr(0, space);
  const unsigned long begin = std::strtoul(ran.out.c_str() + space, nullptr, 10);

  const RunResult told = explain();
  ASSERT_EQ(told.exit_status, 0) << told.text();
  EXPECT_EQ(told.out.find("mknodat was refused with EPERM\n"), 0U) << told.text();
  const std::string row = "\n  stack       " + file + "+0x";
  const std::size_t at = told.out.find(row);
  ASSERT_NE(at, std::string::npos) << told.text() << ran.out;
  const unsigned long place = std::strtoul(told.out.c_str() + at + row.size(), nullptr, 16);
  EXPECT_GT(place, begin);
  EXPECT_LT(place, begin + 256) << "within mknodat()";
}

TEST_F(ExplainedStack, IsNotTakenUnasked) {
  ASSERT_EQ(run({}).exit_status, 0);
  const RunResult told = explain();
  EXPECT_EQ(told.out.find("mknodat was refused with EPERM\n"), 0U) << told.text();
  EXPECT_EQ(told.out.find("\n  stack "), std::string::npos) << told.text();
}

}  // namespace
}  // namespace yett
