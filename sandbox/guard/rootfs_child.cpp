#include "sandbox/guard/rootfs_child.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/guard/mount_entry_child.hpp"

namespace yett {
namespace {

// Everything one entry's mount needs; kept together so that each kind is one short function.
struct Work {
  const RootfsInputs* inputs;
  RootfsState* state;
  const MountEntry* entry;
  int id_map;
  int staging;  // the staging tmpfs, or -1

  [[nodiscard]] const IdentityPlan& identity() const { return inputs->plan->identity; }
  [[nodiscard]] bool rootless() const { return inputs->plan->mode == Mode::rootless; }
  [[nodiscard]] const char* target() const { return entry->target.c_str(); }
  [[nodiscard]] const char* source() const { return entry->source.c_str(); }
};

bool is_directory(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

// EEXIST: there is something of that name, and nothing was done.
ChildResult attach_at_new_file(const Work& work, int mount) {
  const int parent = kept_parent(work.state->root, work.target());
  if (parent < 0) return from_kernel(parent);
  const char* name = last_component(work.target());
  YETT_STEP(from_libc(::mknodat(parent, name, S_IFREG | 0444, 0)));
  return from_kernel(sys_move_mount(mount, parent, name));
}

ChildResult attach_in_place(const Work& work, int mount, MountPoint kind) {
  const int place = open_mount_point(work.state->root, work.target(), kind);
  if (place < 0) return from_kernel(place);
  const ChildResult result = from_kernel(sys_move_mount(mount, place, ""));
  ::close(place);
  return result;
}

// Attaches `mount` (an fd, or -errno to pass through) at the entry's target and closes it.
ChildResult attach(const Work& work, int mount) {
  if (mount < 0) return from_kernel(mount);
  const MountPoint kind = is_directory(mount) ? MountPoint::directory : MountPoint::file;
  work.state->is_on_file = kind == MountPoint::file;
  ChildResult result = work.state->is_on_file ? attach_at_new_file(work, mount) : EEXIST;
  if (result == EEXIST) result = attach_in_place(work, mount, kind);
  ::close(mount);
  return result;
}

// A detached copy of what `directory`/`path` shows, with the entry's attributes. fd or -errno.
int bound_copy(const Work& work, int directory, const char* path) {
  const Subtree subtree =
      work.entry->recursive ? Subtree::with_submounts : Subtree::only_this_mount;
  const int mount = sys_open_tree_clone(directory, path, subtree);
  if (mount < 0) return mount;
  int result = sys_mount_setattr(mount, mount_attributes(*work.entry), 0, subtree);
  // Filesystems that cannot be idmapped keep their owners: narrower access, never wider.
  if (result >= 0 && work.id_map >= 0) {
    const int mapped = sys_mount_idmap(mount, work.id_map);
    result = mapped == -EINVAL ? 0 : mapped;
  }
  if (result >= 0) return mount;
  ::close(mount);
  return result;
}

ChildResult mount_bind(const Work& work) {
  const int mount = bound_copy(work, AT_FDCWD, work.source());
  if (mount == -ENOENT && work.entry->optional) return kDone;
  return attach(work, mount);
}

ChildResult mount_package(const Work& work) {
  const int mount = bound_copy(work, work.state->image, "");
  return attach(work, mount);
}

ChildResult mount_tmpfs(const Work& work) {
  return attach(work, make_tmpfs(shape_of(*work.entry), work.identity().host_uid,
                                 work.identity().host_gid, mount_attributes(*work.entry)));
}

int open_lower(const Work& work) {
  if (work.entry->lower_in_image) return open_inside(work.state->root, work.source());
  const int lower = ::open(work.source(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  return lower < 0 ? -errno : lower;
}

ChildResult mount_overlay(const Work& work) {
  const int lower = open_lower(work);
  if (lower == -ENOENT && work.entry->optional) return kDone;
  if (lower < 0) return from_kernel(lower);
  const OverlayLower below{.directory = lower, .in_user_namespace = work.rootless()};
  const int mount =
      make_overlay(*work.entry, below, work.staging, work.id_map, work.identity().host_uid,
                   work.identity().host_gid, mount_attributes(*work.entry));
  ::close(lower);
  return attach(work, mount);
}

// "subset=pid,hidepid=2": one fsconfig call per option.
ChildResult set_options(int context, const char* options) {
  char option[64];
  while (*options != '\0') {
    const std::size_t length = std::strcspn(options, ",");
    if (length >= sizeof option) return EINVAL;
    std::memcpy(option, options, length);
    option[length] = '\0';
    char* value = std::strchr(option, '=');
    if (value != nullptr) *value++ = '\0';
    YETT_STEP(from_kernel(value != nullptr ? sys_fsconfig_string(context, option, value)
                                           : sys_fsconfig_flag(context, option)));
    options += length + (options[length] == ',' ? 1 : 0);
  }
  return kDone;
}

ChildResult mount_filesystem(const Work& work, const char* name, const char* options) {
  const int context = sys_fsopen(name);
  if (context < 0) return from_kernel(context);
  ChildResult result = set_options(context, options);
  if (result == kDone) result = from_kernel(sys_fsconfig_create(context));
  const int mount = result == kDone ? sys_fsmount(context, mount_attributes(*work.entry)) : -result;
  ::close(context);
  return attach(work, mount);
}

ChildResult make_symlink(const Work& work) {
  const int parent = kept_parent(work.state->root, work.target());
  if (parent < 0) return from_kernel(parent);
  const ChildResult made =
      from_libc(::symlinkat(work.source(), parent, last_component(work.target())));
  return made == EEXIST ? kDone : made;
}

ChildResult make_directory(const Work& work) {
  const int parent = kept_parent(work.state->root, work.target());
  if (parent < 0) return from_kernel(parent);
  const char* name = last_component(work.target());
  ChildResult result = from_libc(::mkdirat(parent, name, work.entry->file_mode));
  // What was there already keeps its owner: it may be a link, and is the image's.
  const bool made = result == kDone;
  if (result == EEXIST) result = kDone;
  if (made && work.entry->owned_by_user)
    result = from_libc(::fchownat(parent, name, work.identity().host_uid, work.identity().host_gid,
                                  AT_SYMLINK_NOFOLLOW));
  return result;
}

// A node like the host's, which is cheaper than a bind of it. Nothing inside can make one: that
// takes CAP_MKNOD in the host's user namespace.
ChildResult make_device(const Work& work) {
  struct stat status{};
  if (::stat(work.source(), &status) != 0) return errno;
  if (!S_ISCHR(status.st_mode)) return ENODEV;
  const int parent = kept_parent(work.state->root, work.target());
  if (parent < 0) return from_kernel(parent);
  return from_libc(
      ::mknodat(parent, last_component(work.target()), S_IFCHR | 0666, status.st_rdev));
}

ChildResult write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, size);
    if (written < 0) return errno;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return kDone;
}

// Created, or rewritten: the image's own file of that name is only ever shadowed in the upper
// layer.
int open_for_writing(const Work& work) {
  const auto open_it = [&work] {
    return sys_open_in_root(work.state->root, work.target(),
                            O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, work.entry->file_mode);
  };
  const int file = open_it();
  if (file != -ENOENT) return file;
  const int parent = open_parent(work.state->root, work.target());
  if (parent < 0) return parent;
  ::close(parent);
  return open_it();
}

ChildResult make_file(const Work& work) {
  const int file = open_for_writing(work);
  if (file < 0) return from_kernel(file);
  ChildResult result = write_all(file, work.entry->content.data(), work.entry->content.size());
  if (result == kDone && work.entry->owned_by_user)
    result = from_libc(::fchown(file, work.identity().host_uid, work.identity().host_gid));
  ::close(file);
  return result;
}

// SECURITY(masks): the mask goes onto the very object found inside, by fd; a directory is hidden by
// an empty read-only tmpfs, anything else by the host's null device.
ChildResult mount_mask(const Work& work) {
  const int place = open_inside(work.state->root, work.target());
  if (place == -ENOENT) return kDone;
  if (place < 0) return from_kernel(place);
  constexpr std::uint64_t kMasked =
      mount_flags::kReadOnly | mount_flags::kNoSuid | mount_flags::kNoExec;
  const bool directory = is_directory(place);
  int mount = directory ? make_tmpfs({}, 0, 0, kMasked | mount_flags::kNoDev)
                        : sys_open_tree_clone(AT_FDCWD, "/dev/null", Subtree::only_this_mount);
  ChildResult result = from_kernel(mount);
  if (result == kDone && !directory)
    result = from_kernel(sys_mount_setattr(mount, kMasked, 0, Subtree::only_this_mount));
  if (result == kDone) result = from_kernel(sys_move_mount(mount, place, ""));
  if (mount >= 0) ::close(mount);
  ::close(place);
  return result;
}

ChildResult mount_again(const Work& work) {
  const int place = open_inside(work.state->root, work.target());
  if (place == -ENOENT && work.entry->optional) return kDone;
  if (place < 0) return from_kernel(place);
  const int mount = bound_copy(work, place, "");
  ChildResult result = from_kernel(mount);
  // The copy has the attributes of the mount below, which are ours: [files] exec gives this one
  // back.
  if (result == kDone && work.entry->executable == Executable::yes)
    result =
        from_kernel(sys_mount_setattr(mount, 0, mount_flags::kNoExec, Subtree::only_this_mount));
  if (result == kDone) result = from_kernel(sys_move_mount(mount, place, ""));
  if (mount >= 0) ::close(mount);
  ::close(place);
  return result;
}

// Attached as it is, which is how it can be copied, and then read-only on top: files of that copy
// are read-only by themselves. The supervisor's own, through which it writes, is underneath.
ChildResult mount_truth_tree(const Work& work) {
  const int place = open_mount_point(work.state->root, work.target(), MountPoint::directory);
  if (place < 0) return from_kernel(place);
  const int tree = work.inputs->truth_mount;
  ChildResult result = from_kernel(sys_move_mount(tree, place, ""));
  ::close(place);
  if (result != kDone) return result;
  work.state->truth = bound_copy(work, tree, "");
  if (work.state->truth < 0) return from_kernel(work.state->truth);
  return from_kernel(sys_move_mount(work.state->truth, tree, ""));
}

ChildResult mount_truth(const Work& work) {
  const int mount = sys_open_tree_clone(work.state->truth, work.source(), Subtree::only_this_mount);
  if (mount < 0 || !work.entry->optional) return attach(work, mount);
  const int place = open_inside(work.state->root, work.target());
  const ChildResult result = place == -ENOENT ? kDone
                             : place < 0      ? from_kernel(place)
                                              : from_kernel(sys_move_mount(mount, place, ""));
  if (place >= 0) ::close(place);
  ::close(mount);
  return result;
}

ChildResult carry_out(const Work& work) {
  switch (work.entry->kind) {
    case MountKind::root_tmpfs:
    case MountKind::root_image:
      return EINVAL;  // only ever the first entry, which mount_root made
    case MountKind::package:
      return mount_package(work);
    case MountKind::bind:
      return mount_bind(work);
    case MountKind::device:
      return make_device(work);
    case MountKind::tmpfs:
      return mount_tmpfs(work);
    case MountKind::overlay:
      return mount_overlay(work);
    case MountKind::truth_tree:
      return mount_truth_tree(work);
    case MountKind::truth:
      return mount_truth(work);
    case MountKind::proc:
      return mount_filesystem(work, "proc", work.source());
    case MountKind::devpts:
      return mount_filesystem(work, "devpts", "ptmxmode=0666,mode=0620,newinstance");
    case MountKind::directory:
      return make_directory(work);
    case MountKind::symlink:
      return make_symlink(work);
    case MountKind::file:
      return make_file(work);
    case MountKind::mask:
      return mount_mask(work);
    case MountKind::remount:
      return mount_again(work);
  }
  return EINVAL;
}

bool needs_staging(const SandboxPlan& plan) {
  for (const MountEntry& entry : plan.mounts)
    if (entry.kind == MountKind::root_image || entry.kind == MountKind::overlay ||
        entry.kind == MountKind::package)
      return true;
  return false;
}

std::uint64_t staging_size(const SandboxPlan& plan) {
  std::uint64_t size = 0;
  for (const MountEntry& entry : plan.mounts)
    if (entry.kind == MountKind::root_image || entry.kind == MountKind::overlay)
      size += entry.size_bytes;
  return size + (1ULL << 20);
}

// Opens "/run/yett/<name>" of the staging tmpfs, made when missing. fd or -errno.
int staging_place(int staging, const char* name) {
  if (::mkdirat(staging, name, 0755) != 0 && errno != EEXIST) return -errno;
  const int place = ::openat(staging, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return place < 0 ? -errno : place;
}

// Attaches `mount` on directory `name` of the staging tmpfs (or on the staging directory itself)
// and returns `mount`.
int attach_in_staging(int staging, const char* name, int mount) {
  if (mount < 0) return mount;
  const int place = staging_place(staging, name);
  const int moved = place < 0 ? place : sys_move_mount(mount, place, "");
  if (place >= 0) ::close(place);
  return moved < 0 ? moved : mount;
}

// The image's detached mount: the parent's for a package, its layers together, or a copy of the
// directory's own. fd or -errno.
int image_mount(const RootfsInputs& inputs, int staging) {
  if (inputs.image_mount >= 0) return inputs.image_mount;
  if (!inputs.plan->image_layers.empty())
    return make_layers({.layers = &inputs.plan->image_layers,
                        .in_user_namespace = inputs.plan->mode == Mode::rootless},
                       staging,
                       mount_flags::kReadOnly | mount_flags::kNoSuid | mount_flags::kNoDev);
  // What is mounted below it is locked to it where yett is root of a namespace alone.
  const Subtree subtree =
      inputs.plan->mode == Mode::rootless ? Subtree::with_submounts : Subtree::only_this_mount;
  const int mount = sys_open_tree_clone(AT_FDCWD, inputs.plan->image_path.c_str(), subtree);
  if (mount < 0) return mount;
  constexpr std::uint64_t kImage =
      mount_flags::kReadOnly | mount_flags::kNoSuid | mount_flags::kNoDev;
  const int set = sys_mount_setattr(mount, kImage, 0, subtree);
  return set < 0 ? set : mount;
}

int staging_tmpfs(const RootfsInputs& inputs) {
  const TmpfsShape shape{.size_bytes = staging_size(*inputs.plan)};
  const int mount = make_tmpfs(shape, 0, 0, mount_flags::kNoSuid | mount_flags::kNoDev);
  if (mount < 0) return mount;
  const int moved = sys_move_mount(mount, AT_FDCWD, inputs.staging);
  return moved < 0 ? moved : mount;
}

// What is mounted nowhere leaves every directory as it is.
bool mounts_nothing(MountKind kind) {
  return kind == MountKind::symlink || kind == MountKind::directory || kind == MountKind::device ||
         kind == MountKind::file;
}

}  // namespace

ChildResult make_mounts_private() {
  return from_libc(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
}

ChildResult mount_root(const RootfsInputs& inputs, RootfsState& state) {
  const SandboxPlan& plan = *inputs.plan;
  state.failed_entry = 0;
  if (plan.mounts.empty()) return EINVAL;
  const MountEntry& entry = plan.mounts.front();
  const std::uint64_t attributes = mount_attributes(entry) & ~mount_flags::kReadOnly;
  if (needs_staging(plan)) {
    state.staging = staging_tmpfs(inputs);
    if (state.staging < 0) return from_kernel(state.staging);
  }
  // Several layers become the root as they are: an overlay over an overlay would look twice.
  const bool layered = entry.kind == MountKind::root_image && !plan.image_layers.empty();
  if (plan.image_kind != ImageKind::host && !layered) {
    state.image = attach_in_staging(state.staging, "image", image_mount(inputs, state.staging));
    if (state.image < 0) return from_kernel(state.image);
  }
  const unsigned uid = plan.identity.host_uid;
  const unsigned gid = plan.identity.host_gid;
  const int id_map = inputs.id_maps == nullptr ? -1 : inputs.id_maps[0];
  const OverlayLower lower{.directory = state.image,
                           .layers = layered ? &plan.image_layers : nullptr,
                           .in_user_namespace = plan.mode == Mode::rootless};
  int root = entry.kind == MountKind::root_tmpfs ? make_tmpfs(shape_of(entry), uid, gid, attributes)
             : entry.kind == MountKind::root_image
                 ? make_overlay(entry, lower, state.staging, id_map, uid, gid, attributes)
                 : -EINVAL;
  if (root < 0) return from_kernel(root);
  const int moved = state.staging >= 0 ? attach_in_staging(state.staging, "root", root)
                                       : sys_move_mount(root, AT_FDCWD, inputs.staging);
  if (moved < 0) return from_kernel(moved);
  state.root = root;
  state.failed_entry = -1;
  return kDone;
}

ChildResult mount_entries(const RootfsInputs& inputs, RootfsState& state) {
  const std::vector<MountEntry>& entries = inputs.plan->mounts;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    const Work work{.inputs = &inputs,
                    .state = &state,
                    .entry = &entries[i],
                    .id_map = inputs.id_maps == nullptr ? -1 : inputs.id_maps[i],
                    .staging = state.staging};
    state.is_on_file = false;
    const ChildResult result = carry_out(work);
    if (!state.is_on_file && !mounts_nothing(entries[i].kind)) forget_parent();
    if (result == kDone) continue;
    state.failed_entry = static_cast<int>(i);
    return result;
  }
  forget_parent();
  return kDone;
}

ChildResult enter_root(const RootfsInputs& inputs, const RootfsState& state) {
  if (inputs.plan->mounts.front().writable == Writable::no)
    YETT_STEP(from_kernel(
        sys_mount_setattr(state.root, mount_flags::kReadOnly, 0, Subtree::only_this_mount)));
  YETT_STEP(from_libc(::fchdir(state.root)));
  // pivot_root(".", ".") stacks the old root on top of the new one, where it is detached at once:
  // man pivot_root(2).
  YETT_STEP(from_libc(::syscall(SYS_pivot_root, ".", ".")));
  YETT_STEP(from_libc(::umount2(".", MNT_DETACH)));
  return from_libc(::chdir("/"));
}

}  // namespace yett
