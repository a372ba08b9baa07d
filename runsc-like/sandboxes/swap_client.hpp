// Another policy for a sandbox that runs, from outside: `yett policy swap`.
#pragma once

#include <string>

#include "base/result.hpp"
#include "ioctl_uapi/swap_protocol.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett {

// `name`: of a built-in policy, or a file's absolute path; `text`: the file's. Errors: the sandbox
// is not there, or refuses: then nothing has changed.
[[nodiscard]] Result<SwapReply> swap_policy(const oci::ContainerStore& store, const std::string& id,
                                            const std::string& name, const std::string& text);

}  // namespace yett
