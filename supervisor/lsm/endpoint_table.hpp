// Network rules as the kernel programs look them up: one entry for each prefix, with every port
// range that holds there folded in, so that one look-up answers whatever the number of rules. Pure.
#pragma once

#include <utility>
#include <vector>

#include "base/result.hpp"
#include "ioctl_uapi/lsm_policy.h"
#include "sandbox/policy/policy.hpp"

namespace yett {

using EndpointEntry = std::pair<yett_endpoint_key, yett_endpoint_value>;

// Keys carry `policy` and `set`, the number of these rules among later ones. unix:// rules are the
// mount tree's and are passed over. Errors: a host name (the kernel knows addresses only); more
// than YETT_PORT_RANGES separate port ranges at one address.
[[nodiscard]] Result<std::vector<EndpointEntry>> make_endpoint_table(
    std::uint32_t policy, const std::vector<EndpointRule>& connect,
    const std::vector<EndpointRule>& listen, std::uint8_t set = 0);

}  // namespace yett
