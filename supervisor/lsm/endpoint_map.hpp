// A table of endpoint rules in the kernel's maps, and its later versions.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "supervisor/lsm/endpoint_table.hpp"

namespace yett {

// Where the programs look: for a single address in `addresses` first, a hash table that is filled
// and asked in half the time, and then in the trie. What finds no room there is in the trie, too.
struct EndpointMaps {
  int prefixes = -1;
  int addresses = -1;  // there may be none
};

// One call for many entries, where the kernel has it; one for each is what else there is.
enum class MapCalls { in_batches, one_by_one };

// Removes those of `held` that are not in `table`, and then writes the table; `held` is what stands
// there afterwards. A rule that is in both never fails to hold in between. Errors:
// of the maps; what had to go is gone nonetheless where that could be done, and the rest is
// written.
[[nodiscard]] Status write_endpoints(EndpointMaps maps, const char* name,
                                     const std::vector<EndpointEntry>& table,
                                     std::vector<yett_endpoint_key>& held,
                                     MapCalls calls = MapCalls::in_batches);

// Of a set that no program looks up any more.
void remove_endpoints(EndpointMaps maps, const std::vector<yett_endpoint_key>& keys,
                      MapCalls calls = MapCalls::in_batches);

}  // namespace yett
