// What the kernel's routes say of an address.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/broker/dns_message.hpp"

namespace yett {

// Whether what is sent to `address` arrives at this host itself, or at all of a link: its own
// addresses (of any device, bridges of containers included), and broadcast. Asks the routes of the
// calling process's network (rtnetlink(7), RTM_GETROUTE). False where nothing leads there at all;
// true where the kernel cannot be asked.
[[nodiscard]] bool is_of_this_host(const DnsAddress& address);

// Readable once the answer may be another than before, for the network of the calling process.
[[nodiscard]] Result<UniqueFd> watch_host_routes();
// Takes what `watch` has. False: nothing of it makes an address this host's. Never waits.
[[nodiscard]] bool take_route_changes(BorrowedFd watch);

}  // namespace yett
