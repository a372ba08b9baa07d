#include <gtest/gtest.h>

#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

Policy parsed(std::string_view text) { return *parse_policy(text, "p.toml"); }

std::vector<std::string> paths_of(const std::vector<PathRule>& rules) {
  std::vector<std::string> paths;
  for (const PathRule& rule : rules) paths.push_back(rule.path);
  return paths;
}

TEST(IntersectPolicy, PathsWithinTheBound) {
  const Policy both = intersect_policy(parsed("[files]\nread=['/srv']\nwrite=['/data']"),
                                       parsed("[files]\nread=['/srv/x','/etc']\nwrite=['/']"));
  EXPECT_EQ(paths_of(both.files.read), std::vector<std::string>{"/srv/x"});
  EXPECT_EQ(paths_of(both.files.write), std::vector<std::string>{"/data"});
}

TEST(IntersectPolicy, DeniesAddUp) {
  const Policy both =
      intersect_policy(parsed("[files]\ndeny=['/a']"), parsed("[files]\ndeny=['/a','/b']"));
  EXPECT_EQ(paths_of(both.files.deny), (std::vector<std::string>{"/a", "/b"}));
}

TEST(IntersectPolicy, SyscallsAreTheStricterOfBoth) {
  Policy both = intersect_policy(parsed(""), parsed("[syscalls]\nallow=['ptrace']\ndeny=['kill']"));
  EXPECT_FALSE(both.syscalls.find(101)->reachable());  // ptrace: the host refuses
  EXPECT_FALSE(both.syscalls.find(62)->reachable());   // kill: the package gave it up
  EXPECT_TRUE(both.syscalls.find(0)->reachable());
  EXPECT_FALSE(both.syscalls.find(41)->when.empty());  // socket: the condition stays
}

TEST(IntersectPolicy, AConditionIsNeverLost) {
  Policy both = intersect_policy(parsed(""), parsed("[syscalls]\nlog=['socket']"));
  EXPECT_EQ(both.syscalls.find(41)->action, SyscallAction::log);
  EXPECT_FALSE(both.syscalls.find(41)->when.empty());
  both = intersect_policy(parsed(""), parsed("[syscalls]\nemulate=[]"));
  EXPECT_FALSE(both.syscalls.find(302)->when.empty());  // prlimit64
  EXPECT_EQ(both.syscalls.find(99)->action, SyscallAction::notify);
}

TEST(IntersectPolicy, EndpointsThatTheBoundCovers) {
  const Policy both = intersect_policy(
      parsed("[network]\nmode='host'\nconnect=['tcp://10.0.0.0/8:400-500']"),
      parsed("[network]\nmode='host'\nconnect=['tcp://10.1.0.0/16:443','tcp://11.0.0.0/8:443',"
             "'tcp://10.0.0.0/8:80','udp://10.0.0.0/8:443','tcp://*:443']"));
  ASSERT_EQ(both.network.connect.size(), 1U);
  EXPECT_EQ(both.network.connect[0].text, "tcp://10.1.0.0/16:443");
  EXPECT_EQ(both.network.mode, NetworkMode::host);
}

TEST(IntersectPolicy, NetworkNeedsBoth) {
  EXPECT_EQ(intersect_policy(parsed(""), parsed("[network]\nmode='host'")).network.mode,
            NetworkMode::none);
}

TEST(IntersectPolicy, LimitsAreTheLesser) {
  const Policy both = intersect_policy(parsed("[limits]\nmemory='1G'\npids=8"),
                                       parsed("[limits]\nmemory='2G'\npids=4\nwall='1s'"));
  EXPECT_EQ(both.limits.memory_bytes, 1U << 30);
  EXPECT_EQ(both.limits.pids, 4U);
  EXPECT_TRUE(both.limits.wall);
}

TEST(IntersectPolicy, NoneAskedOfAStrictHostIsTheHosts) {
  const Policy both = intersect_policy(parsed(""), parsed("extends='none'"));
  EXPECT_FALSE(both.unrestricted);
  EXPECT_FALSE(both.exec.written_files);
  EXPECT_EQ(both.syscalls.rules.size(), parsed("").syscalls.rules.size());
}

TEST(IntersectPolicy, SetIdBitsNeedBoth) {
  const Policy granted = parsed("[files]\nset_ids=true");
  EXPECT_TRUE(intersect_policy(granted, granted).files.set_ids);
  EXPECT_FALSE(intersect_policy(granted, parsed("")).files.set_ids);
  EXPECT_FALSE(intersect_policy(parsed(""), granted).files.set_ids);
}

TEST(IntersectPolicy, AHostWithoutBoundsTakesWhatIsAsked) {
  const Policy both =
      intersect_policy(*make_builtin_policy("none"), parsed("[syscalls]\ndeny=['kill']"));
  EXPECT_FALSE(both.unrestricted);
  EXPECT_FALSE(Policy(both).syscalls.find(62)->reachable());
}

}  // namespace
}  // namespace yett
