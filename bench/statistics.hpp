// Medians and ratios of interleaved rounds. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace yett::bench {

using Rounds = std::vector<double>;  // one figure per round

struct Summary {
  double median = 0;
  double lower_quartile = 0;
  double upper_quartile = 0;
};

inline constexpr std::size_t kFewestRounds = 5;

[[nodiscard]] Summary summarise(Rounds figures);

// Each round's figure over the same round's baseline, summarised. Nothing for fewer than
// kFewestRounds rounds, or when the two have not as many rounds: such a ratio means nothing.
[[nodiscard]] std::optional<Summary> ratio(const Rounds& figures, const Rounds& baseline);

}  // namespace yett::bench
