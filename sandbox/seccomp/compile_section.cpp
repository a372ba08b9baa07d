#include "sandbox/seccomp/compile_section.hpp"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

// Linux 5.19, linux/seccomp.h.
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace yett {
namespace {

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

Error library_error(int result, std::string subject) {
  return errno_error(-result, "seccomp", std::move(subject));
}

std::uint32_t action_of(SectionAction action, std::optional<std::uint32_t> number) {
  switch (action) {
    case SectionAction::kill_thread:
      return SCMP_ACT_KILL_THREAD;
    case SectionAction::kill_process:
      return SCMP_ACT_KILL_PROCESS;
    case SectionAction::trap:
      return SCMP_ACT_TRAP;
    case SectionAction::errno_:
      return SCMP_ACT_ERRNO(number.value_or(EPERM));
    case SectionAction::trace:
      return SCMP_ACT_TRACE(number.value_or(EPERM));
    case SectionAction::allow:
      return SCMP_ACT_ALLOW;
    case SectionAction::log:
      return SCMP_ACT_LOG;
    case SectionAction::notify:
      return SCMP_ACT_NOTIFY;
  }
  return SCMP_ACT_KILL_PROCESS;
}

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

struct NamedFlag {
  std::string_view name;
  std::uint32_t bit;
};
constexpr auto kFlagBits = std::to_array<NamedFlag>({
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
});

Result<std::uint32_t> flags_of(const SeccompSection& section, bool notifies) {
  std::uint32_t flags = 0;
  for (const std::string& name : section.flags) {
    const auto* flag = std::ranges::find(kFlagBits, name, &NamedFlag::name);
    if (flag == kFlagBits.end())
      return fail(host_error("seccomp", "no flag " + name, "leave it out of /linux/seccomp/flags"));
    flags |= flag->bit;
  }
  // The kernel takes this one only together with a listener.
  if (!notifies) flags &= ~static_cast<std::uint32_t>(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  return flags;
}

// "SCMP_ARCH_X86_64": "x86_64" to libseccomp.
Status add_architectures(scmp_filter_ctx context, const SeccompSection& section) {
  for (const std::string& name : section.architectures) {
    std::string short_name = name.substr(std::min(name.size(), sizeof "SCMP_ARCH_" - 1));
    std::ranges::transform(short_name, short_name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const std::uint32_t token = seccomp_arch_resolve_name(short_name.c_str());
    if (token == 0)
      return fail(host_error("seccomp", "no architecture " + name,
                             "leave it out of /linux/seccomp/architectures"));
    const int result = seccomp_arch_add(context, token);
    // One of the other byte order cannot run here: its calls meet no filter of this machine.
    if (result != 0 && result != -EEXIST && result != -EDOM)
      return fail(library_error(result, name));
  }
  return {};
}

bool names_an_argument_twice(const std::vector<SectionArgument>& args) {
  std::array<int, 6> count{};
  return std::ranges::any_of(args, [&](const SectionArgument& argument) {
    return argument.index < count.size() && ++count[argument.index] > 1;
  });
}

class Compiler {
 public:
  Compiler(const SeccompSection& section, scmp_filter_ctx context)
      : section_(section),
        context_(context),
        default_action_(action_of(section.default_action, section.default_errno_ret)) {}

  Status add_all() {
    for (const SectionSyscalls& rule : section_.syscalls)
      for (const std::string& name : rule.names) YETT_CHECK(add(rule, name));
    return {};
  }
  [[nodiscard]] std::vector<std::string> take_unknown() { return std::move(unknown_); }

 private:
  Status add(const SectionSyscalls& rule, const std::string& name) {
    const std::uint32_t action = action_of(rule.action, rule.errno_ret);
    if (action == default_action_) return {};
    const int number = seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) {
      if (std::ranges::find(unknown_, name) == unknown_.end()) unknown_.push_back(name);
      return {};
    }
    std::vector<scmp_arg_cmp> all;
    for (const SectionArgument& argument : rule.args) all.push_back(comparison_of(argument));
    if (!names_an_argument_twice(rule.args)) return add_rule(action, number, name, all);
    // libseccomp takes one comparison for each argument. As runc has it, the comparisons are then
    // rules of their own, any of which is enough.
    for (const scmp_arg_cmp& each : all) YETT_CHECK(add_rule(action, number, name, {each}));
    return {};
  }

  Status add_rule(std::uint32_t action, int number, const std::string& name,
                  const std::vector<scmp_arg_cmp>& comparisons) {
    const int result = seccomp_rule_add_array(
        context_, action, number, static_cast<unsigned>(comparisons.size()), comparisons.data());
    // The same rule again says nothing new.
    if (result != 0 && result != -EEXIST) return fail(library_error(result, name));
    return {};
  }

  const SeccompSection& section_;
  scmp_filter_ctx context_;
  std::uint32_t default_action_;
  std::vector<std::string> unknown_;
};

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
  if (program.size() > BPF_MAXINSNS)
    return fail(request_error("/linux/seccomp", "makes a filter longer than the kernel takes",
                              "name fewer calls or architectures"));
  return program;
}

}  // namespace

Result<CompiledSection> compile_section(const SeccompSection& section) {
  CompiledSection compiled{.notifies = section_notifies(section)};
  const Context context(seccomp_init(action_of(section.default_action, section.default_errno_ret)),
                        seccomp_release);
  if (!context) return fail(errno_error(EINVAL, "seccomp", "default action"));
  YETT_TRY(compiled.flags, flags_of(section, compiled.notifies));
  YETT_CHECK(add_architectures(context.get(), section));
  // A binary tree: a call far down a long list costs a tenth.
  (void)seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  Compiler compiler(section, context.get());
  YETT_CHECK(compiler.add_all());
  compiled.unknown_calls = compiler.take_unknown();
  YETT_TRY(compiled.program, exported(context.get()));
  return compiled;
}

}  // namespace yett
