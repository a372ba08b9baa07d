// ./dev demo, as somebody without rights sees it: with user namespaces, and as inside a container.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/docker_filter.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

const std::string kTree = YETT_SOURCE_DIR;

class Demo : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modes, Demo, ::testing::Values("rootless", "fallback"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(Demo, AnOrdinaryUserSeesAllAttemptsRefused) {
  YETT_REQUIRE(::geteuid() == 0, "only root can become an ordinary user");
  YETT_REQUIRE(std::filesystem::exists(kTree + "/build/release/bin/yett"),
               "the demo shows the release build");
  const OrdinaryHome home;
  RunOptions options = home.options();
  options.environment.push_back("TMPDIR=" + home.path() + "/run");
  options.timeout = std::chrono::seconds(110);
  const bool has_namespaces = std::string(GetParam()) == "rootless";
  if (!has_namespaces)
    options.before_exec = [] {
      confine_as_in_a_container();
      become_ordinary_user();
    };
  const RunResult shown = run_program({kTree + "/dev", "demo", "--json", "--rounds", "3"}, options);
  ASSERT_EQ(shown.exit_status, 0) << shown.text();
  const auto result = nlohmann::json::parse(shown.out);
  EXPECT_EQ(result["mode"], GetParam());
  EXPECT_EQ(result["attempts"].size(), 17U);
  for (const auto& attempt : result["attempts"]) {
    EXPECT_TRUE(attempt["held"]) << attempt;
    EXPECT_NE(attempt["plane"], "") << attempt;
    EXPECT_NE(attempt["rule"], "") << attempt;
  }
  // The twin: without a sandbox what was written is executed.
  EXPECT_EQ(run_program({"sh", "-c", "cp /usr/bin/true t && ./t"}, options).exit_status, 0);
}

}  // namespace
}  // namespace yett::test
