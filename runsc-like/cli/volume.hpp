// Volumes by name: directories that outlive sandboxes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

int run_volume(int argc, char** argv);

struct UsedVolume {
  std::string path;
  std::uint32_t kept_host_id = 0;  // its owner, when that is an id for volumes
  UniqueFd in_use;  // keep it for as long as the volume is used: rm and prune leave it alone then
};
// Made when it is not there yet. Error: it is no name of a volume.
[[nodiscard]] Result<UsedVolume> use_volume(const std::string& image_root, const std::string& name);

}  // namespace yett
