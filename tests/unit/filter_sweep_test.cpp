// Every number of every ABI against a table that a person has read. After a wanted change:
//   YETT_REGENERATE_GOLDEN=1 build/release/bin/unit_filter && git diff tests/unit/golden
#include <gtest/gtest.h>
#include <linux/audit.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/syscall_table.hpp"
#include "tests/support/bpf_interpreter.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;

FilterPlan plan_of(std::string_view policy, bool audited) {
  FilterPlan plan;
  plan.rules = make_builtin_policy(policy)->syscalls.rules;
  plan.audited_refusals = audited;
  return plan;
}

std::string answer_text(std::optional<std::uint32_t> answer) {
  if (!answer) return "malformed";
  switch (*answer & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
      return "allow";
    case SECCOMP_RET_LOG:
      return "log";
    case SECCOMP_RET_KILL_PROCESS:
      return "kill";
    case SECCOMP_RET_USER_NOTIF:
      return "notify";
    case SECCOMP_RET_ERRNO:
      return strerrorname_np(static_cast<int>(*answer & SECCOMP_RET_DATA));
    default:
      return "unknown";
  }
}

std::string ask(const CompiledFilter& filter, std::uint32_t architecture, std::uint32_t number,
                std::uint64_t argument) {
  seccomp_data data{.nr = static_cast<int>(number), .arch = architecture};
  for (auto& each : data.args) each = argument;
  return answer_text(run_bpf(filter.program, data));
}

// One line a number: name, x86_64 with all arguments 0 and with all bits set, i386, x32, and
// x86_64 when refusals are audited.
std::string sweep(std::string_view policy) {
  const CompiledFilter plain = *compile_filter(plan_of(policy, false));
  const CompiledFilter audited = *compile_filter(plan_of(policy, true));
  std::ostringstream table;
  table << "# number name zeros ones i386 x32 audited\n";
  for (std::uint32_t number = 0; number < 1024; ++number) {
    const SyscallEntry* entry = find_syscall(number);
    table << number << ' ' << (entry != nullptr ? entry->name.text() : "-") << ' '
          << ask(plain, AUDIT_ARCH_X86_64, number, 0) << ' '
          << ask(plain, AUDIT_ARCH_X86_64, number, UINT64_MAX) << ' '
          << ask(plain, AUDIT_ARCH_I386, number, 0) << ' '
          << ask(plain, AUDIT_ARCH_X86_64, number | kX32Bit, 0) << ' '
          << ask(audited, AUDIT_ARCH_X86_64, number, UINT64_MAX) << '\n';
  }
  return table.str();
}

void expect_golden(const std::string& policy) {
  const std::string path = std::string(YETT_SOURCE_DIR) + "/tests/unit/golden/" + policy + ".txt";
  const std::string now = sweep(policy);
  if (std::getenv("YETT_REGENERATE_GOLDEN") != nullptr) std::ofstream(path) << now;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  std::istringstream now_lines(now);
  for (std::string was, is; std::getline(golden, was) || std::getline(now_lines, is);) {
    if (is.empty()) std::getline(now_lines, is);
    ASSERT_EQ(was, is) << "if wanted: YETT_REGENERATE_GOLDEN=1 build/release/bin/unit_filter";
    was.clear();
    is.clear();
  }
}

TEST(FilterSweep, PluginAnswersAsItsGoldenTable) { expect_golden("plugin"); }
TEST(FilterSweep, RvisorAnswersAsItsGoldenTable) { expect_golden("rvisor"); }

TEST(FilterSweep, NumbersBeyondEveryTable) {
  const CompiledFilter filter = *compile_filter(plan_of("plugin", true));
  EXPECT_EQ(ask(filter, AUDIT_ARCH_X86_64, 0x3FFFFFFF, 0), "ENOSYS");
  EXPECT_EQ(ask(filter, AUDIT_ARCH_X86_64, UINT32_MAX, 0), "ENOSYS");
  EXPECT_EQ(ask(filter, AUDIT_ARCH_X86_64, UINT32_MAX - 1, 0), "kill");
  EXPECT_EQ(ask(filter, AUDIT_ARCH_X86_64, 0x80000000, 0), "kill");
  EXPECT_EQ(ask(filter, AUDIT_ARCH_I386, UINT32_MAX, 0), "kill");
  EXPECT_EQ(ask(filter, 0xDEAD, 0, 0), "kill");
}

}  // namespace
}  // namespace yett
