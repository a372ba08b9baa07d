// What the kernel says of an overlay that somebody else has mounted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yett {

struct OverlayMount {
  std::vector<std::string> lowers;  // the topmost last; absolute
};

// Nothing: at `path` no overlay is mounted, or its layers' names begin at a directory that is not
// known.
[[nodiscard]] std::optional<OverlayMount> find_overlay_mount(const std::string& path);
// The same in the text of a /proc/PID/mountinfo; the last mount at a place is the one that is seen.
[[nodiscard]] std::optional<OverlayMount> find_overlay_mount(std::string_view mountinfo,
                                                             const std::string& path);

}  // namespace yett
