// What a supervisor asks of the keeper that it shares with others: one message, with the keeper's
// end of a gate and the supervisor's pidfd. Both sides are of one build. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

struct KeptCgroups {
  std::vector<std::string> directories;  // the first is the one that its owner holds
  bool first_is_v2 = false;
};

inline constexpr std::size_t kKeeperRequestMax = 32'768;

[[nodiscard]] std::string make_keeper_request(const KeptCgroups& cgroups);
// SECURITY(kept-names): nothing but directories right below one that is called "yett".
[[nodiscard]] std::optional<KeptCgroups> parse_keeper_request(std::string_view message);

}  // namespace yett
