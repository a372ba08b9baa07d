// The options of a mount (runtime-spec, config.md, "Linux mount options") in the kernel's terms.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yett::oci {

enum class IdMap : std::uint8_t { none, this_mount, with_submounts };

// MOUNT_ATTR_* to set and to clear, for mount_setattr(2) or fsmount(2). Where the time of access is
// named, `clear` holds all of MOUNT_ATTR__ATIME, as the kernel wants.
struct MountAttributes {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
};

// Of two options that contradict each other the later one holds, as for mount(8).
struct MountOptions {
  bool bind = false;       // "bind" or "rbind"
  bool recursive = false;  // "rbind"
  bool remount = false;
  MountAttributes attributes;              // "ro", "nosuid", ...
  MountAttributes recursive_attributes;    // "rro", "rnosuid", ...: of the submounts too
  std::vector<std::uint64_t> propagation;  // MS_SHARED | MS_REC, ...: each a step, in order
  IdMap idmap = IdMap::none;
  bool copy_up = false;  // "tmpcopyup": a tmpfs begins with what it covers
  // The filesystem's own, in order: "size=64m", and the flags of superblocks ("sync", "dirsync").
  std::vector<std::string> filesystem;
};

[[nodiscard]] MountOptions parse_mount_options(std::span<const std::string> options);

// Every option with a meaning of its own, sorted: for `yett features`.
[[nodiscard]] std::vector<std::string_view> mount_option_names();

}  // namespace yett::oci
