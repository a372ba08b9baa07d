// Trying a thing in a throw-away child: what the child changes (namespaces, filters, mounts) dies
// with it.
#pragma once

#include "sandbox/host/kernel_features.hpp"

namespace yett {

// What a try ended with. `step` is a string literal naming the call that failed.
struct Attempt {
  int error = 0;  // 0: it worked
  const char* step = "";
};

// Runs `attempt` in a forked child and returns what it returned there. A child that died instead is
// an error of its own (EFAULT at "the probing child"). The child must not touch locks or streams.
[[nodiscard]] Attempt attempt_in_child(Attempt (*attempt)());

// The negative errno of the sys_*() wrappers, or success.
[[nodiscard]] Attempt attempted(int negative_errno_or_result, const char* step);

// Usable, or "fsopen: Operation not permitted".
[[nodiscard]] Feature feature_of(const Attempt& attempt);

}  // namespace yett
