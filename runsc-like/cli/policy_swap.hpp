// `yett policy swap`.
#pragma once

namespace yett {

// argv[0] is "swap".
[[nodiscard]] int run_policy_swap(int argc, char** argv);

}  // namespace yett
