#include "sandbox/seccomp/compile_section.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "sandbox/seccomp/section_library.hpp"
#include "sandbox/seccomp/section_program.hpp"
#include "sandbox/seccomp/section_rules.hpp"

// Linux 5.19, linux/seccomp.h.
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace yett {
namespace {

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

// Are calls of i386 or x32 for the section to decide?
bool decides_on_other_abis(const SeccompSection& section, OtherAbis others) {
  if (others == OtherAbis::killed_below) return false;
  return std::ranges::any_of(section.architectures, [](const std::string& name) {
    return name == "SCMP_ARCH_X86" || name == "SCMP_ARCH_X32";
  });
}

Status check_architectures(const SeccompSection& section) {
  for (const std::string& name : section.architectures)
    if (architecture_token(name) == 0)
      return fail(host_error("seccomp", "no architecture " + name,
                             "leave it out of /linux/seccomp/architectures"));
  return {};
}

}  // namespace

Result<CompiledSection> compile_section(const SeccompSection& section, OtherAbis others) {
  CompiledSection compiled{.notifies = section_notifies(section)};
  YETT_TRY(compiled.flags, flags_of(section, compiled.notifies));
  YETT_CHECK(check_architectures(section));
  SectionRules rules = resolve_section(section);
  std::optional<std::vector<sock_filter>> program;
  if (!decides_on_other_abis(section, others)) program = write_section_program(rules);
  compiled.by_library = !program;
  if (compiled.by_library) {
    YETT_TRY(program, compile_by_library(section, rules));
  }
  if (program->size() > BPF_MAXINSNS)
    return fail(request_error("/linux/seccomp", "makes a filter longer than the kernel takes",
                              "name fewer calls or architectures"));
  compiled.program = std::move(*program);
  compiled.unknown_calls = std::move(rules.unknown);
  return compiled;
}

}  // namespace yett
