// A policy that takes calls away, as the filter that a thread of the sandbox may install upon its
// own. The kernel goes by the strictest of all filters, so such a one cannot give anything. Pure.
#pragma once

#include <linux/filter.h>

#include <string>
#include <string_view>
#include <vector>

namespace yett {

struct NarrowerFilter {
  int error = 0;        // EINVAL: no policy; EOPNOTSUPP: more than calls denied
  std::string problem;  // with an error
  std::vector<sock_filter> program;
};

// SECURITY(narrower-whole): a text with a rule that the filter cannot hold gives none at all.
[[nodiscard]] NarrowerFilter make_narrower_filter(std::string_view policy);

}  // namespace yett
