// Our compiler against libseccomp's: for each rule with conditions, a libseccomp filter of that
// rule alone must give the same answer for every argument that can matter.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "tests/support/bpf_interpreter.hpp"

namespace yett {
namespace {

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// Filters of one rule answer this for what they do not allow.
constexpr int kElse = 77;

std::vector<sock_filter> exported(scmp_filter_ctx context) {
  const int fd = ::memfd_create("filter", MFD_CLOEXEC);
  EXPECT_EQ(seccomp_export_bpf(context, fd), 0);
  const auto bytes = static_cast<std::size_t>(::lseek(fd, 0, SEEK_END));
  std::vector<sock_filter> program(bytes / sizeof(sock_filter));
  EXPECT_EQ(::pread(fd, program.data(), bytes, 0), static_cast<ssize_t>(bytes));
  ::close(fd);
  return program;
}

std::vector<sock_filter> oracle_of(const SyscallRule& rule) {
  const Context context(seccomp_init(SCMP_ACT_ERRNO(kElse)), seccomp_release);
  for (const ArgumentChecks checks : rule.when) {
    std::vector<scmp_arg_cmp> compared;
    for (const ArgumentCheck& check : checks)
      compared.push_back({check.index, SCMP_CMP_MASKED_EQ, check.mask, check.value});
    EXPECT_EQ(seccomp_rule_add_array(context.get(), SCMP_ACT_ALLOW, static_cast<int>(rule.number),
                                     static_cast<unsigned>(compared.size()), compared.data()),
              0)
        << rule.name;
  }
  return exported(context.get());
}

// Every value that a check names, its neighbours, and each with bits above the compared ones set.
std::set<std::uint64_t> telling_values(const SyscallRule& rule, std::uint8_t index) {
  std::set<std::uint64_t> values{0, 1, UINT32_MAX, 1ULL << 32, UINT64_MAX};
  for (const ArgumentChecks checks : rule.when)
    for (const ArgumentCheck& check : checks) {
      if (check.index != index) continue;
      for (const std::uint64_t near : {check.value, check.value + 1, check.value - 1})
        for (const std::uint64_t high : {std::uint64_t{0}, std::uint64_t{1} << 32, ~check.mask})
          values.insert(near | high);
      for (int bit = 0; bit < 64; bit += 3) values.insert(check.value ^ (1ULL << bit));
    }
  return values;
}

bool allows(std::span<const sock_filter> program, const seccomp_data& data) {
  return run_bpf(program, data) == SECCOMP_RET_ALLOW;
}

void compare(const SyscallRule& rule, const CompiledFilter& ours) {
  const auto oracle = oracle_of(rule);
  for (const std::uint64_t first : telling_values(rule, 0))
    for (const std::uint64_t second : telling_values(rule, 1))
      for (const std::uint64_t third : telling_values(rule, 2)) {
        const seccomp_data data{.nr = static_cast<int>(rule.number),
                                .arch = AUDIT_ARCH_X86_64,
                                .args = {first, second, third, 0, 0, 0}};
        ASSERT_EQ(allows(ours.program, data), allows(oracle, data))
            << rule.name << ' ' << first << ' ' << second << ' ' << third;
      }
}

TEST(FilterOracle, LibseccompGivesTheSameAnswers) {
  FilterPlan plan;
  plan.rules = make_builtin_policy("plugin")->syscalls.rules;
  const CompiledFilter ours = *compile_filter(plan);
  int compared = 0;
  for (const SyscallRule& rule : plan.rules) {
    if (rule.when.empty()) continue;
    compare(rule, ours);
    ++compared;
  }
  EXPECT_GT(compared, 15);
}

TEST(FilterOracle, HotCallsAreConstantForTheKernelsCache) {
  // The kernel's emulation of a filter gives up at the first load of an argument: these never get
  // there, whatever the arguments.
  FilterPlan plan;
  plan.rules = make_builtin_policy("plugin")->syscalls.rules;
  for (const char* hot : {"read", "write", "epoll_wait", "clock_gettime", "mmap", "munmap",
                          "openat", "close", "newfstatat", "getpid", "mprotect"}) {
    const auto rule = std::ranges::find(plan.rules, hot, &SyscallRule::name);
    EXPECT_EQ(rule->action, SyscallAction::allow) << hot;
    EXPECT_TRUE(rule->when.empty()) << hot;
  }
}

}  // namespace
}  // namespace yett
