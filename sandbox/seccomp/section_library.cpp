#include "sandbox/seccomp/section_library.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;  // __X32_SYSCALL_BIT

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

Error library_error(int result, std::string subject) {
  return errno_error(-result, "seccomp", std::move(subject));
}

// Answers are the kernel's everywhere; libseccomp has the same numbers.
static_assert(SCMP_ACT_KILL_PROCESS == SECCOMP_RET_KILL_PROCESS &&
              SCMP_ACT_KILL_THREAD == SECCOMP_RET_KILL_THREAD &&
              SCMP_ACT_TRAP == SECCOMP_RET_TRAP && SCMP_ACT_LOG == SECCOMP_RET_LOG &&
              SCMP_ACT_ERRNO(1) == (SECCOMP_RET_ERRNO | 1) &&
              SCMP_ACT_TRACE(1) == (SECCOMP_RET_TRACE | 1) &&
              SCMP_ACT_NOTIFY == SECCOMP_RET_USER_NOTIF && SCMP_ACT_ALLOW == SECCOMP_RET_ALLOW);

scmp_compare compare_of(SectionCompare compare) {
  switch (compare) {
    case SectionCompare::ne:
      return SCMP_CMP_NE;
    case SectionCompare::lt:
      return SCMP_CMP_LT;
    case SectionCompare::le:
      return SCMP_CMP_LE;
    case SectionCompare::eq:
      return SCMP_CMP_EQ;
    case SectionCompare::ge:
      return SCMP_CMP_GE;
    case SectionCompare::gt:
      return SCMP_CMP_GT;
    case SectionCompare::masked_eq:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

scmp_arg_cmp comparison_of(const SectionArgument& argument) {
  return {argument.index, compare_of(argument.op), argument.value, argument.value_two};
}

Status add_architectures(scmp_filter_ctx context, const SeccompSection& section) {
  for (const std::string& name : section.architectures) {
    const int result = seccomp_arch_add(context, architecture_token(name));
    // One of the other byte order cannot run here: its calls meet no filter of this machine.
    if (result != 0 && result != -EEXIST && result != -EDOM)
      return fail(library_error(result, name));
  }
  return {};
}

Status add_rules(scmp_filter_ctx context, const SectionRules& rules) {
  std::vector<scmp_arg_cmp> comparisons;
  for (const SectionRule& rule : rules.rules) {
    comparisons.clear();
    for (const SectionArgument& argument : rule.args)
      comparisons.push_back(comparison_of(argument));
    const int result =
        seccomp_rule_add_array(context, rule.answer, rule.number,
                               static_cast<unsigned>(comparisons.size()), comparisons.data());
    // The same rule again says nothing new.
    if (result != 0 && result != -EEXIST) return fail(library_error(result, *rule.name));
  }
  return {};
}

Result<std::vector<sock_filter>> exported(scmp_filter_ctx context) {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file.valid()) return fail(errno_error("memfd_create"));
  if (const int result = seccomp_export_bpf(context, file.get()); result != 0)
    return fail(library_error(result, "export"));
  const off_t bytes = ::lseek(file.get(), 0, SEEK_END);
  if (bytes < 0) return fail(errno_error("lseek", "seccomp program"));
  std::vector<sock_filter> program(static_cast<std::size_t>(bytes) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(bytes), 0) != bytes)
    return fail(errno_error("read", "seccomp program"));
  return program;
}

// What libseccomp has no word for: before its program.
void answer_beyond(const SectionRules& rules, std::vector<sock_filter>& program) {
  if (rules.answer_beyond == rules.default_answer) return;
  const auto beyond = static_cast<std::uint32_t>(rules.greatest + 1);
  const std::array<sock_filter, 6> first{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, beyond, 0, 2),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Bit, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, rules.answer_beyond),
  }};
  program.insert(program.begin(), first.begin(), first.end());
}

}  // namespace

// "SCMP_ARCH_X86_64": "x86_64" to libseccomp. 0: it knows none of that name.
std::uint32_t architecture_token(const std::string& name) {
  std::string short_name = name.substr(std::min(name.size(), sizeof "SCMP_ARCH_" - 1));
  std::ranges::transform(short_name, short_name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return seccomp_arch_resolve_name(short_name.c_str());
}

Result<std::vector<sock_filter>> compile_by_library(const SeccompSection& section,
                                                    const SectionRules& rules) {
  const Context context(seccomp_init(rules.default_answer), seccomp_release);
  if (!context) return fail(errno_error(EINVAL, "seccomp", "default action"));
  YETT_CHECK(add_architectures(context.get(), section));
  // A binary tree: a call far down a long list costs a tenth.
  (void)seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  YETT_CHECK(add_rules(context.get(), rules));
  YETT_TRY(std::vector<sock_filter> program, exported(context.get()));
  answer_beyond(rules, program);
  return program;
}

}  // namespace yett
