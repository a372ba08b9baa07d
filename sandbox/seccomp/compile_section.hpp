// The `linux.seccomp` section of a config.json as classic BPF, for the child to install with
// seccomp(2).
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/seccomp/seccomp_section.hpp"

namespace yett {

struct CompiledSection {
  std::vector<sock_filter> program;
  std::uint32_t flags = 0;  // SECCOMP_FILTER_FLAG_*, for seccomp(2)
  // Some call goes to an agent: install with SECCOMP_FILTER_FLAG_NEW_LISTENER and send the fd to
  // the section's listener_path. No other filter of the process can have a listener then.
  bool notifies = false;
  std::vector<std::string> unknown_calls;  // names that this machine has no call for: left out
};

// Pure but for a memfd that libseccomp writes into; some milliseconds for a long list. Each rule
// that differs from the default is in the program; of a call that several rules name, the strictest
// matching one holds, as libseccomp and the kernel have it.
// Errors: unsupported_host for an architecture or flag that cannot be had here; internal.
[[nodiscard]] Result<CompiledSection> compile_section(const SeccompSection& section);

}  // namespace yett
