// A table of endpoint rules in a kernel map, and its later versions.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "supervisor/lsm/endpoint_table.hpp"

namespace yett {

// Writes `table` into the map, and then removes those of `held` that are not in it; `held` is what
// stands there afterwards. A rule that is in both never fails to hold in between.
[[nodiscard]] Status write_endpoints(int map, const char* name,
                                     const std::vector<EndpointEntry>& table,
                                     std::vector<yett_endpoint_key>& held);

}  // namespace yett
