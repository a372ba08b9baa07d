// From a thread at a system call's end to what the attribution decides on.
#pragma once

#include "supervisor/trace/tracee.hpp"

namespace yett {

struct CallEnd {
  Snapshot snapshot;
  int error = 0;  // positive; 0: it passed
};

// Texts, paths, addresses behind the call's arguments. They may have been changed since the kernel
// read them: for records only.
[[nodiscard]] ObservedCall observe(const Tracee& tracee, const CallEnd& end, HostView host);

}  // namespace yett
