// The `linux.seccomp` section of a config.json as a value (runtime-spec, config-linux.md,
// "Seccomp"). Names of system calls stay names: which of them exist is a matter of the compiler of
// the section.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

// What happens to a call; `kill` is the older name of `kill_thread`.
enum class SectionAction : std::uint8_t {
  kill_thread,
  kill_process,
  trap,
  errno_,  // `errno` is a macro
  trace,
  allow,
  log,
  notify,
};
[[nodiscard]] const char* section_action_name(SectionAction action);  // "SCMP_ACT_ALLOW"

struct NamedSectionAction {
  std::string_view name;
  SectionAction value;
};
// Every name that a section may use, an action's canonical one first.
[[nodiscard]] std::span<const NamedSectionAction> section_actions();

enum class SectionCompare : std::uint8_t { ne, lt, le, eq, ge, gt, masked_eq };
[[nodiscard]] const char* section_compare_name(SectionCompare compare);  // "SCMP_CMP_EQ"
struct NamedSectionCompare {
  std::string_view name;
  SectionCompare value;
};
[[nodiscard]] std::span<const NamedSectionCompare> section_compares();

[[nodiscard]] std::span<const std::string_view> section_architecture_names();  // "SCMP_ARCH_X86"
[[nodiscard]] std::span<const std::string_view> section_flag_names();

// For masked_eq, `value` is the mask and `value_two` what the masked argument is compared with.
struct SectionArgument {
  std::uint32_t index = 0;  // 0..5
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;
  SectionCompare op = SectionCompare::eq;
};

struct SectionSyscalls {
  std::vector<std::string> names;  // at least one; unknown names are no error
  SectionAction action = SectionAction::allow;
  std::optional<std::uint32_t> errno_ret;  // with `errno` and `trace` only; else EPERM
  std::vector<SectionArgument> args;       // all must hold
};

struct SeccompSection {
  SectionAction default_action = SectionAction::errno_;
  std::optional<std::uint32_t> default_errno_ret;
  std::vector<std::string> architectures;  // "SCMP_ARCH_X86_64"; the host's own is always in
  std::vector<std::string> flags;          // "SECCOMP_FILTER_FLAG_LOG"
  std::string listener_path;               // AF_UNIX stream socket of the agent; empty: none
  std::string listener_metadata;           // opaque; only with a listener_path
  std::vector<SectionSyscalls> syscalls;
};

// Does any rule send calls to an agent? Then, and only then, listener_path has a meaning.
[[nodiscard]] bool section_notifies(const SeccompSection& section);

}  // namespace yett
