// What the kernel's routes say of an address.
#pragma once

#include "supervisor/broker/dns_message.hpp"

namespace yett {

// Whether what is sent to `address` arrives at this host itself, or at all of a link: its own
// addresses (of any device, bridges of containers included), and broadcast. Asks the routes of the
// calling process's network (rtnetlink(7), RTM_GETROUTE). False where nothing leads there at all;
// true where the kernel cannot be asked.
[[nodiscard]] bool is_of_this_host(const DnsAddress& address);

}  // namespace yett
