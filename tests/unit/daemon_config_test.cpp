// yettd's configuration: what it says, and what is said of its mistakes.
#include <gtest/gtest.h>

#include <string>

#include "supervisor/daemon/daemon_config.hpp"
#include "supervisor/daemon/metrics.hpp"

namespace yett {
namespace {

std::optional<std::string> check(const std::vector<std::string>& options) {
  if (options == std::vector<std::string>{"--wrong"}) return "--wrong: no such option";
  return std::nullopt;
}

std::string problem_of(const std::string& text) {
  const auto read = parse_daemon_config(text, "d.toml", check);
  return read ? "good" : read.error().message();
}

TEST(DaemonConfig, SaysWhatItSays) {
  const auto read = parse_daemon_config(
      "socket = \"/run/s\"\nmetrics = \"/run/m\"\nlog = \"json\"\nusers = [7, 8]\n"
      "adoption_time = 5\n"
      "[limits]\nsandboxes = 5\nper_user = 2\n"
      "[template.a-1]\noptions = [\"-m\", \"64M\"]\nusers = [7]\npool = 3\n",
      "d.toml", check);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(read->socket, "/run/s");
  EXPECT_EQ(read->metrics, "/run/m");
  EXPECT_EQ(read->log, LogFormat::json);
  EXPECT_EQ(read->users, (std::vector<uid_t>{7, 8}));
  EXPECT_EQ(read->adoption_time, std::chrono::seconds(5));
  EXPECT_EQ(read->most_sandboxes, 5U);
  EXPECT_EQ(read->most_per_user, 2U);
  const SandboxTemplate wanted{.options = {"-m", "64M"}, .users = {7}, .pool = 3};
  EXPECT_EQ(read->templates.at("a-1"), wanted);
}

TEST(DaemonConfig, AWarmForkHasACommandAndNothingElseHas) {
  const auto read = parse_daemon_config(
      "[template.a]\nwarm_fork = true\ncommand = [\"python3\", \"/app/a.py\"]\n", "d.toml", check);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_TRUE(read->templates.at("a").warm_fork);
  EXPECT_EQ(read->templates.at("a").command, (std::vector<std::string>{"python3", "/app/a.py"}));
  for (const char* text : {"[template.a]\nwarm_fork = true\n", "[template.a]\ncommand = [\"a\"]\n"})
    EXPECT_NE(problem_of(text).find("go together"), std::string::npos) << problem_of(text);
}

TEST(DaemonConfig, NothingIsWrittenIsGood) {
  const auto read = parse_daemon_config("", "d.toml", check);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->socket, "/run/yett/yettd.sock");
  EXPECT_TRUE(read->users.empty());
  EXPECT_EQ(read->adoption_time, std::chrono::seconds(60));
}

TEST(DaemonConfig, MistakesHavePlacesAndMends) {
  EXPECT_EQ(problem_of("sokcet = \"/run/s\"\n"),
            "d.toml:1:1: unknown key 'sokcet' (did you mean 'socket'?)");
  EXPECT_EQ(problem_of("\nlog = \"xml\"\n"),
            "d.toml:2:7: 'log' cannot be 'xml' (valid: text, json)");
  EXPECT_NE(problem_of("socket = \"here\"\n").find("d.toml:1:10: 'socket' must be the path"),
            std::string::npos);
  EXPECT_NE(
      problem_of("users = [\"me\"]\nsocket = \"/run/s\"\n").find("d.toml:1:10: 'users' holds"),
      std::string::npos);
  EXPECT_NE(problem_of("users = [-1]\nsocket = \"/run/s\"\n").find("d.toml:1:10:"),
            std::string::npos);
  EXPECT_NE(problem_of("[limits]\nsandboxes = 0\n").find("d.toml:2:13: 'sandboxes' must be"),
            std::string::npos);
  EXPECT_NE(problem_of("[template.A]\noptions = []\n").find("'A' is no name of a template"),
            std::string::npos);
  EXPECT_EQ(problem_of("[template.a]\noptions = [\"--wrong\"]\n"),
            "d.toml:2:11: --wrong: no such option");
  EXPECT_EQ(
      problem_of("[template.a]\npool = 1000\nsize = 3\n"),
      "d.toml:2:8: 'pool' must be a whole number from 0 to 256\n"
      "d.toml:3:1: unknown key 'size' in [template.a] (valid: options, users, pool, warm_fork, "
      "command)");
}

// Whom a directory keeps out, no list lets in.
TEST(DaemonConfig, UsersMustBeAbleToReachTheSocket) {
  EXPECT_NE(problem_of("users = [7]\n").find("d.toml:1:9: 'users' cannot reach /run/yett/"),
            std::string::npos);
  EXPECT_EQ(problem_of("users = [7]\nsocket = \"/run/yettd.sock\"\n"), "good");
}

TEST(DaemonMetrics, AreOnePerLineAndEscaped) {
  Metrics metrics;
  metrics.count_start(true);
  metrics.count_end("exited");
  metrics.count_verdicts("fil\"ter", "deny", 3);
  const std::string text = metrics.text({.running = 2, .clients = 1, .pools = {{"a", {1, 4}}}});
  for (const char* line :
       {"\nyettd_sandboxes 2\n", "\nyettd_starts_total{from=\"pool\"} 1\n",
        "\nyettd_ends_total{reason=\"exited\"} 1\n",
        "\nyettd_verdicts_total{plane=\"fil\\\"ter\",verdict=\"deny\"} 3\n",
        "\nyettd_pool_ready{template=\"a\"} 1\n", "\nyettd_pool_wanted{template=\"a\"} 4\n",
        "# TYPE yettd_sandboxes gauge\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  EXPECT_EQ(text.back(), '\n');
}

TEST(DaemonMetrics, CallTimesAreAHistogramForEachKind) {
  Metrics metrics;
  CallTimesReport times;
  auto& opened = times.kinds[static_cast<std::size_t>(CallKind::opened)];
  opened.counts = {1, 2};
  opened.counts.back() = 4;
  opened.sum_ns = 1'500'000'000;
  metrics.count_calls(times);
  metrics.count_calls(times);
  const std::string text = metrics.text({});
  for (const char* line : {"# TYPE yettd_call_seconds histogram\n",
                           "\nyettd_call_seconds_bucket{kind=\"opened\",le=\"5e-06\"} 2\n",
                           "\nyettd_call_seconds_bucket{kind=\"opened\",le=\"1e-05\"} 6\n",
                           "\nyettd_call_seconds_bucket{kind=\"opened\",le=\"5\"} 6\n",
                           "\nyettd_call_seconds_bucket{kind=\"opened\",le=\"+Inf\"} 14\n",
                           "\nyettd_call_seconds_sum{kind=\"opened\"} 3\n",
                           "\nyettd_call_seconds_count{kind=\"opened\"} 14\n",
                           "\nyettd_call_seconds_count{kind=\"refused\"} 0\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

// A bound's count holds all that are below it: what lies on a bound, too.
TEST(DaemonMetrics, StartTimesAreAHistogramForEachKind) {
  Metrics metrics;
  for (const int took : {2, 3, 6000})
    metrics.count_start_time(true, std::chrono::milliseconds(took));
  const std::string text = metrics.text({});
  for (const char* line : {"# TYPE yettd_start_seconds histogram\n",
                           "\nyettd_start_seconds_bucket{from=\"pool\",le=\"0.001\"} 0\n",
                           "\nyettd_start_seconds_bucket{from=\"pool\",le=\"0.002\"} 1\n",
                           "\nyettd_start_seconds_bucket{from=\"pool\",le=\"5\"} 2\n",
                           "\nyettd_start_seconds_bucket{from=\"pool\",le=\"+Inf\"} 3\n",
                           "\nyettd_start_seconds_sum{from=\"pool\"} 6.005\n",
                           "\nyettd_start_seconds_count{from=\"pool\"} 3\n",
                           "\nyettd_start_seconds_count{from=\"cold\"} 0\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

}  // namespace
}  // namespace yett
