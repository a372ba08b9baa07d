// examples/python-warm as it stands, with yettd: a template in Python and one in C.
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <sstream>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/layers.hpp"

namespace yett::test {
namespace {

class WarmExamples : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return "[template.python]\noptions = [\"-m\", \"128M\", \"-v\", \"" YETT_SOURCE_DIR
           "/examples/python-warm:/app:ro\"]\n"
           "command = [\"/usr/bin/python3\", \"/app/template.py\"]\nwarm_fork = true\npool = 2\n"
           "[template.c]\noptions = [\"-v\", \"" YETT_BUILD_DIR "/examples:/app:ro\", \"-v\", \"" +
           work() + "/words:/words:ro\"]\ncommand = [\"/app/template\", \"/words/list\"]\n" +
           "warm_fork = true\npool = 2\n";
  }
  void SetUp() override {
    // A labelled task makes no namespaces: such a template is refused.
    if (plan_of({.command = {"true"}}).lsm.labelled) GTEST_SKIP() << "this host has BPF LSM";
    DaemonFixture::SetUp();
  }
  void TearDown() override {
    if (daemon_) DaemonFixture::TearDown();
  }
  void prepare() override {
    std::filesystem::create_directories(work() + "/words");
    std::ofstream(work() + "/words/list") << "one two two three three three\n";
  }
  // The answers to the same request of so many instances.
  std::set<std::string> answers(const std::string& name, const std::string& request, int count) {
    EXPECT_TRUE(is_pool_full(name, 2));
    const std::string client = YETT_BUILD_DIR "/examples/warm_client";
    const RunResult run =
        run_program({client, daemon_->socket(), name, std::to_string(count), request});
    EXPECT_EQ(run.exit_status, 0) << run.text();
    std::set<std::string> lines;
    std::istringstream text(run.out);
    for (std::string line; std::getline(text, line);)
      if (line.find(" instances, ") == std::string::npos) lines.insert(line);
    return lines;
  }
};

// Each answers alike, but for what it draws.
TEST_F(WarmExamples, PythonAnswersAndDrawsAnew) {
  YETT_REQUIRE(::access("/usr/bin/python3", X_OK) == 0, "needs /usr/bin/python3");
  const auto lines = answers("python", R"({"sql": "select 6 * 7"})", 5);
  EXPECT_EQ(lines.size(), 5U);
  for (const std::string& line : lines)
    EXPECT_EQ(line.find(R"({"rows": [[42]], "tls": "OpenSSL )"), 0U) << line;
  EXPECT_EQ(answers("python", "no JSON", 2).size(), 1U);
}

TEST_F(WarmExamples, TheCommandLineBeginsInstances) {
  ASSERT_TRUE(is_pool_full("c", 2));
  const std::string yett = YETT_BUILD_DIR "/bin/yett";
  const std::vector<std::string> line{yett, "-H", daemon_->socket(), "run"};
  const auto run = [&line](std::vector<std::string> words) {
    words.insert(words.begin(), line.begin(), line.end());
    return run_program(words, {.input = "two\n"});
  };
  const RunResult begun = run({"--template", "c", "--", "client"});
  EXPECT_EQ(begun.exit_status, 0) << begun.text();
  EXPECT_EQ(begun.out.find("two 2 "), 0U) << begun.text();
  for (const auto& words : {std::vector<std::string>{"--template", "none", "--", "client"},
                            {"--template", "c", "-m", "1G", "--", "client"},
                            {"--template", "c"}}) {
    const RunResult refused = run(words);
    EXPECT_EQ(refused.exit_status, 125) << refused.text();
    EXPECT_NE(refused.err.find("--template "), std::string::npos) << refused.text();
  }
}

TEST_F(WarmExamples, CCountsAndThrowsItsOwnDice) {
  const auto lines = answers("c", "three", 5);
  EXPECT_EQ(lines.size(), 5U);
  for (const std::string& line : lines) EXPECT_EQ(line.find("three 3 "), 0U) << line;
}

}  // namespace
}  // namespace yett::test
