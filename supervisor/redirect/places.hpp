// Which of the host's files a redirected sandbox has to do with, by their names. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// Paths here are absolute, normalised and lead through no link.
class Places {
 public:
  explicit Places(RedirectPlan plan) : plan_(std::move(plan)) {}

  // Written directly, as without redirection.
  [[nodiscard]] bool is_written(std::string_view path) const;
  // May be read, and so be copied.
  [[nodiscard]] bool is_shown(std::string_view path) const;
  // Made by the kernel while it is looked at: never redirected.
  [[nodiscard]] static bool is_kernels(std::string_view path);

 private:
  RedirectPlan plan_;
};

// "/a/b" -> "/a", "/a" -> "/", "/" -> "/".
[[nodiscard]] std::string parent_of(std::string_view path);
[[nodiscard]] std::string name_of(std::string_view path);
[[nodiscard]] std::string join(std::string_view directory, std::string_view name);

}  // namespace yett
