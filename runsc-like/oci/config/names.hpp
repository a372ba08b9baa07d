// The names of the specification and the kernel's numbers for them, as tables: what config.json may
// say and what `yett features` reports are the same lists.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace yett::oci {

struct Named {
  std::string_view name;
  std::uint64_t value;
};

[[nodiscard]] std::span<const Named> capability_names();          // CAP_CHOWN: its number
[[nodiscard]] std::span<const Named> rlimit_names();              // RLIMIT_NOFILE
[[nodiscard]] std::span<const Named> scheduler_policy_names();    // SCHED_FIFO
[[nodiscard]] std::span<const Named> scheduler_flag_names();      // SCHED_FLAG_RESET_ON_FORK
[[nodiscard]] std::span<const Named> io_class_names();            // IOPRIO_CLASS_BE
[[nodiscard]] std::span<const Named> namespace_names();           // "pid": a NamespaceType
[[nodiscard]] std::span<const Named> propagation_names();         // "rslave": a Propagation
[[nodiscard]] std::span<const Named> personality_names();         // LINUX32: PER_LINUX32
[[nodiscard]] std::span<const Named> memory_policy_mode_names();  // MPOL_BIND
[[nodiscard]] std::span<const Named> memory_policy_flag_names();  // MPOL_F_STATIC_NODES
[[nodiscard]] std::span<const std::string_view> hook_names();     // "prestart" ...

}  // namespace yett::oci
