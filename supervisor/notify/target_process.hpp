// What /proc tells about a thread that waits in a trapped call.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// The thread's name, as it chose it: untrusted bytes, at most 15. Empty when it cannot be read.
[[nodiscard]] std::string read_comm(const PendingNotification& pending);

// Of the files that it makes; 022 where it cannot be read.
[[nodiscard]] mode_t read_umask(const PendingNotification& pending);

// The number of the thread's process, as this process sees it. Nothing: as below.
[[nodiscard]] std::optional<std::int32_t> read_process_id(const PendingNotification& pending);

// The numbers by which the target knows itself: those of its innermost pid namespace.
struct InnerIds {
  std::int32_t process = 0;
  std::int32_t thread = 0;
};
// Nothing when the target left or /proc cannot be read.
[[nodiscard]] std::optional<InnerIds> read_inner_ids(const PendingNotification& pending);

// Our number of a thread of the caller's process, by its number inside. Nothing when there is none
// or the target left.
[[nodiscard]] std::optional<std::int32_t> find_thread(const PendingNotification& pending,
                                                      std::int32_t inner);
// Is `thread`, by our number, still the one of the caller's process that it calls `inner`?
[[nodiscard]] bool is_thread(const PendingNotification& pending, std::int32_t thread,
                             std::int32_t inner);

}  // namespace yett
