// The canary's child: shares our memory, so it neither allocates nor returns.
#pragma once

namespace yett {

enum class CanaryAnswer : int { refused, not_refused, no_label, still_open };

struct CanaryOrder {
  int labels = -1;  // task storage map
  unsigned generation = 0;
};

// For clone(2): labels itself, acts, and gives a CanaryAnswer as its exit status.
int canary_child(void* order);

}  // namespace yett
