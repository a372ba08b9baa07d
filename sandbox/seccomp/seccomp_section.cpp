#include "sandbox/seccomp/seccomp_section.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace yett {
namespace {

// The canonical name of a value comes before its other names.
constexpr auto kActions = std::to_array<NamedSectionAction>({
    {"SCMP_ACT_KILL_THREAD", SectionAction::kill_thread},
    {"SCMP_ACT_KILL", SectionAction::kill_thread},
    {"SCMP_ACT_KILL_PROCESS", SectionAction::kill_process},
    {"SCMP_ACT_TRAP", SectionAction::trap},
    {"SCMP_ACT_ERRNO", SectionAction::errno_},
    {"SCMP_ACT_TRACE", SectionAction::trace},
    {"SCMP_ACT_ALLOW", SectionAction::allow},
    {"SCMP_ACT_LOG", SectionAction::log},
    {"SCMP_ACT_NOTIFY", SectionAction::notify},
});

constexpr auto kCompares = std::to_array<NamedSectionCompare>({
    {"SCMP_CMP_NE", SectionCompare::ne},
    {"SCMP_CMP_LT", SectionCompare::lt},
    {"SCMP_CMP_LE", SectionCompare::le},
    {"SCMP_CMP_EQ", SectionCompare::eq},
    {"SCMP_CMP_GE", SectionCompare::ge},
    {"SCMP_CMP_GT", SectionCompare::gt},
    {"SCMP_CMP_MASKED_EQ", SectionCompare::masked_eq},
});

// All that the specification names; filters of other machines' architectures are never met here.
constexpr auto kArchitectures = std::to_array<std::string_view>({
    "SCMP_ARCH_AARCH64",  "SCMP_ARCH_ARM",         "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",       "SCMP_ARCH_PPC64LE",     "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",       "SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",
    "SCMP_ARCH_X32",      "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64",
});

constexpr auto kFlags = std::to_array<std::string_view>({
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
});

}  // namespace

const char* section_action_name(SectionAction action) {
  return std::ranges::find(kActions, action, &NamedSectionAction::value)->name.data();
}
std::span<const NamedSectionAction> section_actions() { return kActions; }

const char* section_compare_name(SectionCompare compare) {
  return std::ranges::find(kCompares, compare, &NamedSectionCompare::value)->name.data();
}
std::span<const NamedSectionCompare> section_compares() { return kCompares; }

std::span<const std::string_view> section_architecture_names() { return kArchitectures; }
std::span<const std::string_view> section_flag_names() { return kFlags; }

bool section_notifies(const SeccompSection& section) {
  return section.default_action == SectionAction::notify ||
         std::ranges::any_of(section.syscalls, [](const SectionSyscalls& rule) {
           return rule.action == SectionAction::notify;
         });
}

}  // namespace yett
