#include <gtest/gtest.h>

#include <algorithm>

#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

std::string error_of(std::string_view text) {
  const auto policy = parse_policy(text, "p.toml");
  return policy ? "" : policy.error().message();
}

Policy parsed(std::string_view text) {
  auto policy = parse_policy(text, "p.toml");
  EXPECT_TRUE(policy) << policy.error().message();
  return policy ? std::move(*policy) : Policy{};
}

SyscallRule rule_of(Policy policy, std::uint32_t number) {
  const SyscallRule* rule = policy.syscalls.find(number);
  return rule != nullptr ? *rule : SyscallRule{};
}

constexpr std::uint32_t kPtrace = 101;
constexpr std::uint32_t kSysinfo = 99;
constexpr std::uint32_t kExecve = 59;

TEST(ParsePolicy, EmptyFileIsPlugin) {
  EXPECT_EQ(canonical_policy(parsed("")), canonical_policy(*make_builtin_policy("plugin")));
  EXPECT_EQ(parsed("").name, "p.toml");
}

TEST(ParsePolicy, ReadsEverySection) {
  const Policy policy = parsed(R"(
extends = "plugin"
hardening = "stacked"
[files]
read = ["/srv//data/"]
write = ["/data"]
deny = ["/usr/bin/ssh"]
tmpfs = { "/tmp" = "1G", "/scratch" = 65536 }
set_ids = true
[network]
mode = "host"
connect = ["tcp://10.0.0.0/8:443", "unix:///run/db.sock"]
listen = ["tcp://127.0.0.1:8080"]
[syscalls]
allow = ["ptrace"]
deny = ["kill"]
[limits]
memory = "256M"
swap = 0
pids = 64
cpu = 1.5
wall = "30s"
open_files = 256
file_size = "100M"
disk = "1G"
[exec]
memfd = true
[on]
violation = "kill"
)");
  EXPECT_EQ(policy.files.read.at(0).path, "/srv/data");
  EXPECT_EQ(policy.files.read.at(0).source.text(), "p.toml:5:9");
  EXPECT_EQ(policy.files.tmpfs.size(), 2U);
  EXPECT_TRUE(policy.files.set_ids);
  EXPECT_EQ(policy.files.tmpfs.at(0).size_bytes, 65536U);
  EXPECT_EQ(policy.network.mode, NetworkMode::host);
  EXPECT_EQ(policy.network.connect.size(), 2U);
  EXPECT_EQ(policy.limits.memory_bytes, 256U << 20);
  EXPECT_EQ(policy.limits.swap_bytes, 0U);
  EXPECT_EQ(policy.limits.cpus, 1.5);
  EXPECT_EQ(policy.limits.wall, std::chrono::milliseconds(30'000));
  EXPECT_EQ(policy.limits.sources.at("pids").text(), "p.toml:20:8");
  EXPECT_TRUE(policy.exec.memfd);
  EXPECT_EQ(policy.violation, ViolationAction::kill);
  EXPECT_EQ(policy.hardening, Hardening::stacked);
}

TEST(ParsePolicy, SyscallListsChangeTheTable) {
  EXPECT_EQ(rule_of(parsed("[syscalls]\nallow = ['ptrace']"), kPtrace).action,
            SyscallAction::allow);
  EXPECT_EQ(rule_of(parsed(""), kPtrace).action, SyscallAction::refuse);
  EXPECT_EQ(rule_of(parsed("[syscalls]\ndeny = ['read']"), 0).action, SyscallAction::refuse);
  EXPECT_EQ(rule_of(parsed("[syscalls]\nlog = ['read']"), 0).action, SyscallAction::log);
  EXPECT_EQ(rule_of(parsed(""), kSysinfo).action, SyscallAction::notify);
  EXPECT_EQ(rule_of(parsed("[syscalls]\nemulate = []"), kSysinfo).action, SyscallAction::allow);
  EXPECT_EQ(rule_of(parsed("[syscalls]\nemulate = ['sysinfo']"), kSysinfo).action,
            SyscallAction::notify);
}

TEST(ParsePolicy, AllowKeepsTheConditionOfTheTable) {
  const SyscallRule rule =
      rule_of(parsed("extends = 'rvisor'\n[syscalls]\nallow = ['socket']"), 41);
  EXPECT_EQ(rule.action, SyscallAction::allow);
  EXPECT_FALSE(rule.when.empty());
}

TEST(ParsePolicy, AllErrorsOfAFileInItsOrder) {
  EXPECT_EQ(error_of("[limits]\nmemmory = '1G'\npids = 0\n[files]\nreed = []\n"),
            "p.toml:2:1: unknown key 'memmory' in [limits] (did you mean 'memory'?)\n"
            "p.toml:3:8: 'pids' must be a whole number from 1 to 4194304\n"
            "p.toml:5:1: unknown key 'reed' in [files] (did you mean 'read'?)");
}

struct BadCase {
  const char* text;
  const char* message;
};

TEST(ParsePolicy, SaysWhatIsWrongAndWhere) {
  const BadCase cases[] = {
      {"extends = 'plugni'", "p.toml:1:11: 'extends' cannot be 'plugni' (did you mean 'plugin'?)"},
      {"extends = 3", "p.toml:1:11: 'extends' must be a string, not a whole number"},
      {"files = 1", "p.toml:1:9: 'files' must be a table, not a whole number"},
      {"filez = {}", "p.toml:1:1: unknown key 'filez' (did you mean 'files'?)"},
      {"hardening = 'extra'",
       "p.toml:1:13: 'hardening' cannot be 'extra' (valid: normal, stacked)"},
      {"[files]\nread = '/usr'", "p.toml:2:8: 'read' must be a list of strings, not a string"},
      {"[files]\nread = [1]", "p.toml:2:9: 'read' holds strings only, not a whole number"},
      {"[files]\nread = ['usr']", "p.toml:2:9: 'usr': the path must be absolute"},
      {"[files]\nread = ['/a/../b']", "p.toml:2:9: '/a/../b': the path holds '..'"},
      {"[files]\nread = ['/a', '/a/']", "p.toml:2:15: '/a' is listed twice"},
      {"[files]\nread = ['/a']\nwrite = ['/a']",
       "p.toml:3:10: '/a' is in 'read' and 'write' (keep one)"},
      {"[files]\nwrite = ['/a']\ndeny = ['/a']",
       "p.toml:3:9: '/a' is in 'write' and 'deny' (keep one)"},
      {"[files]\nwrite = ['/proc/sys']",
       "p.toml:2:10: '/proc/sys' lies in /proc, which the sandbox has of its own"},
      {"[files]\ndeny = ['/']", "p.toml:2:9: '/' cannot be denied: nothing would be left"},
      {"[files]\nwrite = ['/d']\nexec = ['/d/bin']",
       "p.toml:3:9: '/d/bin' is executable and, by p.toml:2:10, writable, but [exec] written_files "
       "is false"},
      {"[files]\ntmpfs = { '/tmp' = 'big' }",
       "p.toml:2:20: '/tmp' must be a size: \"64M\", \"1G\" or a number of bytes"},
      {"[files]\ntmpfs = { '/tmp' = 1 }",
       "p.toml:2:20: a tmpfs needs at least one page (4096 bytes)"},
      {"[network]\nmode = 'bridge'",
       "p.toml:2:8: 'mode' cannot be 'bridge' (valid: none, host, private)"},
      {"[syscalls]\nallow = ['ptrase']",
       "p.toml:2:10: no system call is named 'ptrase' (did you mean 'ptrace'?)"},
      {"[syscalls]\nallow = ['read']\ndeny = ['read']",
       "p.toml:3:9: 'read' is in 'allow' and in 'deny' (keep one)"},
      {"[syscalls]\ndeny = ['execve']",
       "p.toml:2:9: 'execve' cannot be denied: nothing could start without it"},
      {"[syscalls]\nemulate = ['read']",
       "p.toml:2:12: 'read' cannot be emulated (can be: sysinfo, setrlimit, "
       "prlimit64, sched_getaffinity, uname, mknod, mknodat, mount, setxattr, lsetxattr, "
       "fsetxattr, sched_setscheduler, setpriority)"},
      {"[syscalls]\nlog = ['mount']",
       "p.toml:2:8: 'mount' is refused, and refusals are recorded anyway"},
      {"[limits]\nmemory = '1K'",
       "p.toml:2:10: 'memory' must be a size from 1M on: \"256M\", \"1G\""},
      {"[limits]\nmemory = -1",
       "p.toml:2:10: 'memory' must be a size from 1M on: \"256M\", \"1G\""},
      {"[limits]\ncpu = 0", "p.toml:2:7: 'cpu' must be a number of CPUs from 0.01 on: 1.5"},
      {"[limits]\ncpu = nan", "p.toml:2:7: 'cpu' must be a number of CPUs from 0.01 on: 1.5"},
      {"[limits]\nwall = '0s'", "p.toml:2:8: 'wall' must be a time: \"500ms\", \"30s\""},
      {"[limits]\nswap = '1M'", "p.toml:2:8: 'swap' needs 'memory' beside it"},
      {"[files]\nset_ids = 'no'", "p.toml:2:11: 'set_ids' must be true or false, not a string"},
      {"[exec]\nmemfd = 'no'", "p.toml:2:9: 'memfd' must be true or false, not a string"},
      {"[on]\nviolation = 'shout'",
       "p.toml:2:13: 'violation' cannot be 'shout' (valid: deny, kill, ask)"},
      {"extends = 'none'\n[syscalls]\ndeny = ['read']",
       "p.toml:2:1: [syscalls] cannot be held: 'none' has no filter (extend 'plugin')"},
  };
  for (const BadCase& bad : cases) EXPECT_EQ(error_of(bad.text), bad.message) << bad.text;
}

TEST(ParsePolicy, SyntaxErrorsCarryTheirPlace) {
  EXPECT_TRUE(error_of("a = \n").starts_with("p.toml:1:")) << error_of("a = \n");
  EXPECT_TRUE(error_of("[files]\n[files]\n").starts_with("p.toml:2:"));
  EXPECT_TRUE(error_of("[limits]\npids = 1\npids = 2\n").starts_with("p.toml:3:"));
  EXPECT_NE(error_of("x = \"\xff\""), "");
}

TEST(ParsePolicy, NamesCannotSteerATerminal) {
  EXPECT_EQ(error_of("\"a\\u001b[2J\" = 1").find('\x1b'), std::string::npos);
  EXPECT_EQ(error_of("[files]\nread = ['a\x7f']").find('\x7f'), std::string::npos);
}

TEST(BuiltinPolicy, NearestNameOfAnUnknownOne) {
  EXPECT_EQ(make_builtin_policy("rvizor").error().message(),
            "policy 'rvizor': no such built-in (did you mean 'rvisor'?)");
}

TEST(BuiltinPolicy, PluginReachesAtMost219Calls) {
  const Policy policy = *make_builtin_policy("plugin");
  EXPECT_LE(std::ranges::count_if(policy.syscalls.rules, &SyscallRule::reachable), 219);
  EXPECT_EQ(rule_of(policy, kExecve).action, SyscallAction::allow);
}

TEST(BuiltinPolicy, RvisorReachesItsListOnly) {
  const Policy policy = *make_builtin_policy("rvisor");
  EXPECT_EQ(std::ranges::count_if(policy.syscalls.rules, &SyscallRule::reachable), 53 + 12);
  EXPECT_FALSE(rule_of(policy, 41).reachable());  // socket
}

TEST(CanonicalPolicy, OrderAndPlaceDoNotCount) {
  EXPECT_EQ(hash_policy(parsed("[files]\nread=['/a','/b']")),
            hash_policy(parsed("\n\n[files]\nread=['/b','/a']")));
  EXPECT_NE(hash_policy(parsed("[files]\nread=['/a']")), hash_policy(parsed("")));
  EXPECT_NE(hash_policy(parsed("[syscalls]\nlog=['read']")), hash_policy(parsed("")));
}

}  // namespace
}  // namespace yett
