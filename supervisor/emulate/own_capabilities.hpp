// The calling thread's effective capabilities; permitted and inheritable stay as they are.
#pragma once

#include <cstdint>
#include <optional>

namespace yett {

[[nodiscard]] std::optional<std::uint64_t> effective_capabilities();
[[nodiscard]] bool set_effective_capabilities(std::uint64_t effective);

}  // namespace yett
