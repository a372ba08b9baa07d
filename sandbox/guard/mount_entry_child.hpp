// Small mounts of one kind each, below a root directory fd. Used by rootfs_child.cpp only.
#pragma once

#include <cstdint>

#include "ioctl_uapi/child_result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

// The attributes every mount of the entry gets: nosuid always, nodev but for devices, and the
// plan's W^X.
[[nodiscard]] std::uint64_t mount_attributes(const MountEntry& entry);

// Opens `path` (absolute, inside) below `root`, O_PATH, links resolved as inside, never out of it.
// fd or -errno. SECURITY(in-root-resolution)
[[nodiscard]] int open_inside(int root, const char* path);
// Makes `path` and its parents as directories; an existing directory is fine.
[[nodiscard]] ChildResult make_directories(int root, const char* path, std::uint32_t mode);
// The directory that holds the last component of `path`, made with its parents when missing. fd or
// -errno.
[[nodiscard]] int open_parent(int root, const char* path);
// The same, lent: it is kept for the next call, and is `root` itself for what lies there. Whatever
// is mounted may cover it: forget_parent() then, and at the end.
[[nodiscard]] int kept_parent(int root, const char* path);
void forget_parent();
[[nodiscard]] const char* last_component(const char* path);
// The directory (or, for `file`, the empty regular file) to mount on; made when missing. fd or
// -errno.
enum class MountPoint { directory, file };
[[nodiscard]] int open_mount_point(int root, const char* path, MountPoint kind);

// Size (0: the kernel's default) and the root's mode; without strings, so that the child can make
// one.
struct TmpfsShape {
  std::uint64_t size_bytes = 0;
  std::uint32_t mode = 0755;
  bool owned_by_user = false;
};
[[nodiscard]] inline TmpfsShape shape_of(const MountEntry& entry) {
  return {entry.size_bytes, entry.file_mode, entry.owned_by_user};
}
// A detached tmpfs. fd or -errno.
[[nodiscard]] int make_tmpfs(const TmpfsShape& shape, unsigned uid, unsigned gid,
                             std::uint64_t attributes);
// What an overlay lies over: one directory, or several that are named by path (the topmost last).
struct OverlayLower {
  int directory = -1;
  const std::vector<std::string>* layers = nullptr;
  bool in_user_namespace = false;  // its attributes are user.*: trusted.* takes the host's root
};
// A detached overlay: upper and work below `entry.upper`, or below a fresh tmpfs of
// entry.size_bytes. fd or -errno. `id_map`: user namespace to idmap a kept upper by, or -1. With
// layers the working directory is another afterwards.
[[nodiscard]] int make_overlay(const MountEntry& entry, OverlayLower lower, int staging, int id_map,
                               unsigned uid, unsigned gid, std::uint64_t attributes);
// Layers alone, as they lie over one another. fd or -errno.
[[nodiscard]] int make_layers(OverlayLower lower, int staging, std::uint64_t attributes);

// Writes `value` in decimal at the end of `buffer` (of `size`) and returns where it begins:
// snprintf may allocate.
[[nodiscard]] const char* decimal(char* buffer, unsigned size, std::uint64_t value);

}  // namespace yett
