// Ids beyond a user's own: the ranges of /etc/subuid and /etc/subgid, which newuidmap(1) and
// newgidmap(1) map for those to whom the host's root has given them.
// docs/decisions/0056-id-ranges.md.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};
struct SubordinateIds {
  IdRange uids;
  IdRange gids;
};

// The first range of such a file for the user, who is in it by name or by number.
[[nodiscard]] std::optional<IdRange> parse_subordinate_ids(std::string_view text,
                                                           std::string_view user, uid_t id);
// Of the text of /etc/passwd; empty: it has no such user.
[[nodiscard]] std::string_view user_name_of(std::string_view passwd, uid_t id);

// Of the calling user. Errors: unsupported_host, with what is missing.
[[nodiscard]] Result<SubordinateIds> find_subordinate_ids();

// Maps them from outside: a child that stays in the caller's user namespace, for nobody may do it
// from within.
class IdMapper {
 public:
  // Precondition: the caller is still outside, and a single thread.
  [[nodiscard]] static Result<IdMapper> start(const SubordinateIds& ids);
  IdMapper(IdMapper&& other) noexcept = default;
  IdMapper& operator=(IdMapper&& other) noexcept = default;
  ~IdMapper();
  // The caller has unshared its user namespace: 0 of it becomes who the caller was, the ids from 1
  // on are the ranges.
  [[nodiscard]] Status map();

 private:
  IdMapper(pid_t child, UniqueFd gate)
      : child_(std::make_unique<pid_t>(child)), gate_(std::move(gate)) {}
  [[nodiscard]] bool finish();
  std::unique_ptr<pid_t> child_;
  UniqueFd gate_;
};

}  // namespace yett
