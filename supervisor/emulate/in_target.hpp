// Work on the target's files, in the target's place: a child of the supervisor stands in the
// target's mount namespace, root and working directory, with the sandbox's ids and no capability of
// the kind that overrides file permissions, so that the kernel finds and permits what it would find
// and permit for the target. What it may do beyond that (make a mount) it does on descriptors that
// it found in this way. SECURITY(in-target)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_result.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/notify/target_memory.hpp"

namespace yett {

// Of the thread that waits, opened while it waited. Descriptors stay its own whatever it does next.
struct TargetPlace {
  UniqueFd mounts;  // its mount namespace
  UniqueFd root;
  UniqueFd base;  // where a relative path begins: its working directory or a descriptor of its own
  UniqueFd file;  // that a task works on, where it is given by a descriptor
};

// `directory`: the low 32 bits of a dirfd argument; AT_FDCWD is the working directory. Errors:
// sys_errno as the target's call would give it (EBADF); EIO where it has no mount namespace of its
// own; target_gone when it left.
[[nodiscard]] Result<TargetPlace> open_target_place(const PendingNotification& pending,
                                                    int directory);

// Where a relative path begins, alone. Errors: as above.
[[nodiscard]] Result<UniqueFd> open_target_base(const PendingNotification& pending, int directory);

// One of its descriptors, O_PATH. Errors: as above.
[[nodiscard]] Result<UniqueFd> open_target_file(const PendingNotification& pending, int number);

// Copies the string at `address` once. Errors: EFAULT, ENAMETOOLONG (4096 bytes with its end).
using CopyFromTarget = Status (*)(const PendingNotification& pending, std::uint64_t address,
                                  std::span<std::byte> into);
[[nodiscard]] Result<std::string> copy_target_string(const PendingNotification& pending,
                                                     std::uint64_t address,
                                                     CopyFromTarget copy = read_target);

// Mounts of the sandbox's, at most: each is memory of the kernel's and not of the sandbox's limit.
// A bind copies what is mounted below it, so it can double the count.
inline constexpr std::size_t kMostMounts = 256;
// How many the target's root shows now; kMostMounts where that cannot be read.
[[nodiscard]] std::size_t count_mounts(const PendingNotification& pending);

// What the child works with.
struct TargetStand {
  int mounts = -1;
  int root = -1;
  int base = -1;
  int file = -1;
  int own_files = -1;  // /proc/self/fd of the child, which the target's /proc has not
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t parent = 0;  // whose death ends the child
};

// Runs in the child, after the stand is taken.
using TargetTask = ChildResult (*)(const TargetStand& stand, const void* given);

// Returns the errno to answer with; EIO when the child did not end within two seconds (it is killed
// then) or could not take its stand. Takes 0.2 ms.
[[nodiscard]] int run_in_target(const TargetPlace& place, const IdentityPlan& identity,
                                TargetTask task, const void* given);

// For the calls whose whole effect is in the child: never returns.
[[noreturn]] void run_target_task_child(TargetStand stand, TargetTask task, const void* given);

// In the child: opens `path` (O_PATH and its companions) as the target would, but through no magic
// link of /proc. fd or -errno.
[[nodiscard]] int open_as_target_child(const char* path, int flags);

}  // namespace yett
