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
  bool by_library = false;                 // libseccomp wrote it, which takes milliseconds
  std::vector<std::string> unknown_calls;  // names that this machine has no call for: left out
};

// Calls that are not of this machine's own ABI: i386, x32.
enum class OtherAbis {
  by_section,    // where its architectures name them
  killed_below,  // another filter of the same process kills them: what this one says does not
                 // matter
};

// Pure but for a memfd that libseccomp writes into, when it is asked: docs/decisions/0017. Each
// rule that differs from the default is in the program; where several rules that differ could hold
// for one call, libseccomp chooses. Numbers above all that the section names are ENOSYS, where its
// default refuses.
// Errors: unsupported_host for an architecture or flag that cannot be had here; internal.
[[nodiscard]] Result<CompiledSection> compile_section(const SeccompSection& section,
                                                      OtherAbis others);

}  // namespace yett
