// A table of endpoint rules in a kernel map, and its later versions.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "supervisor/lsm/endpoint_table.hpp"

namespace yett {

// One call for many entries, where the kernel has it; one for each is what else there is.
enum class MapCalls { in_batches, one_by_one };

// Removes those of `held` from the map that are not in `table`, and then writes the table; `held`
// is what stands there afterwards. A rule that is in both never fails to hold in between. Errors:
// of the map; what had to go is gone nonetheless where that could be done, and the rest is written.
[[nodiscard]] Status write_endpoints(int map, const char* name,
                                     const std::vector<EndpointEntry>& table,
                                     std::vector<yett_endpoint_key>& held,
                                     MapCalls calls = MapCalls::in_batches);

// Of a set that no program looks up any more.
void remove_endpoints(int map, const std::vector<yett_endpoint_key>& keys,
                      MapCalls calls = MapCalls::in_batches);

}  // namespace yett
