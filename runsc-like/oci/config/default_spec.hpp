// The config.json that `yett spec` writes: a container to begin from, as `runc spec` writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace yett::oci {

// For somebody without privileges: a user namespace in which root is this user.
struct Rootless {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

// Pure. parse_config takes what it returns.
[[nodiscard]] std::string make_default_spec(std::optional<Rootless> rootless);

}  // namespace yett::oci
