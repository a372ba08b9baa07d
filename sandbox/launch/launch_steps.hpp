// What starting a sandbox and joining one have in common. Of this room only.
#pragma once

#include <string_view>
#include <utility>

#include "ioctl_uapi/fd_passing.hpp"
#include "sandbox/launch/launcher.hpp"

namespace yett {

inline constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

[[nodiscard]] std::unexpected<LaunchFailure> launch_failure(Error error,
                                                            ChildStep step = ChildStep::start);
[[nodiscard]] unsigned filter_flags(const FilterPlan& plan);
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> make_status_sockets();
// Waits for `expected`; a `failed` message becomes the step's error.
[[nodiscard]] LaunchResult<ReceivedMessage> expect_launch_message(const SandboxPlan& plan,
                                                                  BorrowedFd socket,
                                                                  LaunchMessageKind expected);
void give_filter(LaunchPage& page, const CompiledFilter& filter);

}  // namespace yett
