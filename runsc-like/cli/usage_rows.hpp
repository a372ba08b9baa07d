// What runs and what it takes, for `stats` and `top`: of the store, and of yettd.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "runsc-like/cli/daemon_link.hpp"
#include "runsc-like/sandboxes/usage.hpp"

namespace yett {

struct UsageRow {
  std::string id;       // of yettd's: its number; "yettd/7" where the store's are shown, too
  std::string made_of;  // escaped
  std::int64_t age_ns = 0;
  bool counted = false;  // it has a cgroup
  ResourceUsage usage;
  std::optional<std::uint64_t> refusals;  // yettd counts them
};

// One look at all of it.
struct UsageLook {
  std::int64_t at_ns = 0;
  std::vector<UsageRow> rows;  // by their ids
};

class UsageSource {
 public:
  // `socket`: that yettd's programs alone. Empty: this user's sandboxes and containers, and what
  // yettd runs for it, where one listens at its usual place.
  [[nodiscard]] static Result<UsageSource> open(const std::string& socket);
  // `ids`: these alone, each of which runs and is counted, or it is an error. Empty: all.
  [[nodiscard]] Result<UsageLook> look(const std::vector<std::string>& ids);

 private:
  [[nodiscard]] Status add_stored(const std::vector<std::string>& ids, UsageLook& look) const;
  [[nodiscard]] Status add_daemons(const std::vector<std::string>& ids, UsageLook& look);
  std::optional<DaemonLink> link_;
  bool with_store_ = true;
};

}  // namespace yett
