// A refusal explained: for a person, and as JSON.
#pragma once

#include <string>
#include <vector>

#include "supervisor/explain/change_effects.hpp"
#include "supervisor/explain/other_planes.hpp"
#include "supervisor/explain/told_record.hpp"

namespace yett {

struct Explanation {
  ToldRecord told;
  std::string plane;                  // that decided
  std::vector<PlaneReason> planes;    // why it, and why no other
  std::vector<PolicyChange> changes;  // the smallest that would allow the call; empty: none does
  std::string advice;                 // where no change of a policy helps
  std::vector<std::string> effects;   // what the changes open besides
};

[[nodiscard]] Explanation explain_record(ToldRecord told, const IsDirectory& is_directory);

enum class Colour { no, yes };
// Everything that a target could have chosen is escaped.
[[nodiscard]] std::string explanation_text(const Explanation& explanation, Colour colour);
// One line.
[[nodiscard]] std::string explanation_json(const Explanation& explanation);

}  // namespace yett
