// What is done in the target's place, in the supervisor's child: each task with what it is given,
// all of it the supervisor's own copies.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "supervisor/emulate/in_target.hpp"

namespace yett {

struct NodeTask {
  const char* path;    // of the new node
  const char* device;  // of the sandbox's own
  dev_t number;
};
[[nodiscard]] ChildResult bind_node_child(const TargetStand& stand, const void* node_task);

enum class MountTaskKind : std::uint8_t { tmpfs, bind, restrict_mount };
struct MountTask {
  MountTaskKind kind = MountTaskKind::tmpfs;
  const char* source = nullptr;  // bind
  const char* target = nullptr;
  std::uint64_t attributes = 0;  // mount_flags to set
  std::uint64_t size_bytes = 0;  // tmpfs
  std::uint32_t mode = 01777;
};
[[nodiscard]] ChildResult mount_task_child(const TargetStand& stand, const void* mount_task);

// EACCES unless the target reaches this very directory at `path`, through no link, and may enter
// it.
struct SightTask {
  const char* path = nullptr;  // absolute
  dev_t device = 0;
  ino_t inode = 0;
};
[[nodiscard]] ChildResult see_directory_child(const TargetStand& stand, const void* sight_task);

struct AttributeTask {
  const char* path = nullptr;  // null: the stand's file
  bool follow = true;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  int flags = 0;  // XATTR_CREATE, XATTR_REPLACE
};
[[nodiscard]] ChildResult set_attribute_child(const TargetStand& stand, const void* attribute_task);

}  // namespace yett
