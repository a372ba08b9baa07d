// Whether a descriptor of the target's is /dev/yett.
#pragma once

#include <cstdint>

#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// The sandbox's /dev/yett is a null device at that place, which nothing inside can make: opening it
// costs no notification, and what is written to it is gone. False too where the target has left.
// A thread with descriptors of its own (unshare(CLONE_FILES)) is looked at as its process.
[[nodiscard]] bool is_control_device(const PendingNotification& pending, std::uint64_t descriptor);

}  // namespace yett
