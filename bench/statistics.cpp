#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace yett::bench {
namespace {

// Between the two nearest ranks, as numpy does by default.
double quantile(const Rounds& sorted, double part) {
  const double rank = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(rank));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], rank - std::floor(rank));
}

}  // namespace

Summary summarise(Rounds figures) {
  if (figures.empty()) return {};
  std::ranges::sort(figures);
  return {.median = quantile(figures, 0.5),
          .lower_quartile = quantile(figures, 0.25),
          .upper_quartile = quantile(figures, 0.75)};
}

std::optional<Summary> ratio(const Rounds& figures, const Rounds& baseline) {
  if (figures.size() < kFewestRounds || figures.size() != baseline.size()) return std::nullopt;
  Rounds ratios;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (baseline[i] <= 0) return std::nullopt;
    ratios.push_back(figures[i] / baseline[i]);
  }
  return summarise(std::move(ratios));
}

}  // namespace yett::bench
