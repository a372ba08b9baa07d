// Other limits for a sandbox that runs: all of them, or those that it had.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// The limits of `after` in place of `before`'s, until it is destroyed; for good once keep() is
// called.
class CgroupChange {
 public:
  // Preconditions: both plans limit the same things. Errors: invalid_request, less memory than is
  // used now; or the kernel's. Nothing has changed then.
  [[nodiscard]] static Result<CgroupChange> apply(const std::vector<std::string>& directories,
                                                  const CgroupPlan& before,
                                                  const CgroupPlan& after);
  CgroupChange(CgroupChange&& other) noexcept : written_(std::exchange(other.written_, {})) {}
  CgroupChange& operator=(CgroupChange&&) = delete;
  ~CgroupChange();

  void keep() { written_.clear(); }

 private:
  struct Written {
    std::string directory;
    std::string file;
    std::string earlier;
  };
  CgroupChange() = default;
  [[nodiscard]] Status write(const std::string& directory, const std::string& file,
                             const std::string& value);

  std::vector<Written> written_;  // in the order of writing
};

}  // namespace yett
