#include "sandbox/guard/mount_entry_child.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "ioctl_uapi/mount_api.hpp"
#include "ioctl_uapi/overlay_layers.hpp"

namespace yett {
namespace {

constexpr std::size_t kPathMax = 4096;

// The part of `path` before its last component, as a terminated copy; "." when there is none.
bool copy_parent(const char* path, char (&parent)[kPathMax]) {
  const char* slash = std::strrchr(path, '/');
  const std::size_t length =
      slash == nullptr || slash == path ? 0 : static_cast<std::size_t>(slash - path);
  if (length >= kPathMax) return false;
  std::memcpy(parent, path, length);
  if (length == 0) parent[0] = '.';
  parent[length == 0 ? 1 : length] = '\0';
  return true;
}

bool is_root(const char* parent) { return std::strcmp(parent, ".") == 0; }

int open_directory(int root, const char* path) {
  return sys_open_in_root(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

ChildResult make_one_directory(int root, const char* prefix, std::uint32_t mode) {
  char parent[kPathMax];
  if (!copy_parent(prefix, parent)) return ENAMETOOLONG;
  const int directory = is_root(parent) ? root : open_directory(root, parent);
  if (directory < 0) return from_kernel(directory);
  const ChildResult made = from_libc(::mkdirat(directory, last_component(prefix), mode));
  if (directory != root) ::close(directory);
  return made == EEXIST ? kDone : made;
}

// The directory that neighbours are made in one after the other: a start makes some twenty.
struct KeptDirectory {
  int fd = -1;
  int root = -1;
  char path[kPathMax];
};
KeptDirectory neighbours;

ChildResult make_empty_file(int root, const char* path) {
  const int directory = open_parent(root, path);
  if (directory < 0) return from_kernel(directory);
  const ChildResult made = from_libc(::mknodat(directory, last_component(path), S_IFREG | 0444, 0));
  ::close(directory);
  return made == EEXIST ? kDone : made;
}

int created(int context, ChildResult configured, std::uint64_t attributes) {
  int result = configured == kDone ? sys_fsconfig_create(context) : -configured;
  if (result >= 0) result = sys_fsmount(context, attributes);
  ::close(context);
  return result;
}

ChildResult set_number(int context, const char* key, std::uint64_t value) {
  char text[24];
  return from_kernel(sys_fsconfig_string(context, key, decimal(text, sizeof text, value)));
}

ChildResult configure_tmpfs(int context, const TmpfsShape& shape, unsigned uid, unsigned gid) {
  char mode[8] = {};
  for (int i = 0; i < 4; ++i) mode[3 - i] = static_cast<char>('0' + ((shape.mode >> (3 * i)) & 7));
  YETT_STEP(from_kernel(sys_fsconfig_string(context, "mode", mode)));
  if (shape.size_bytes != 0) {
    YETT_STEP(set_number(context, "size", shape.size_bytes));
    // An inode costs the kernel about a KiB: without a bound, empty files would escape the size
    // limit.
    YETT_STEP(set_number(context, "nr_inodes", shape.size_bytes / 1024 + 64));
  }
  if (!shape.owned_by_user) return kDone;
  YETT_STEP(set_number(context, "uid", uid));
  return set_number(context, "gid", gid);
}

// Layers are named by /proc/self/fd, which every kernel since 5.2 takes; naming them by fd
// needs 6.13.
ChildResult set_layer(int context, const char* key, int fd) {
  char path[40] = "/proc/self/fd/";
  char number[24];
  std::strcat(path, decimal(number, sizeof number, static_cast<std::uint64_t>(fd)));
  return from_kernel(sys_fsconfig_string(context, key, path));
}

// In the staging tmpfs, for the links to one image's layers; a sandbox has one image.
ChildResult set_layers(int context, const std::vector<std::string>& layers, int staging) {
  const char* paths[kMostLayers];
  if (layers.size() > kMostLayers) return E2BIG;
  for (std::size_t i = 0; i < layers.size(); ++i) paths[i] = layers[i].c_str();
  YETT_STEP(from_libc(::mkdirat(staging, "layers", 0755)));
  const int names = ::openat(staging, "layers", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (names < 0) return errno;
  const int set = sys_fsconfig_layers(context, names, {paths, layers.size()});
  ::close(names);
  return from_kernel(set);
}

ChildResult set_lower(int context, OverlayLower lower, int staging) {
  return lower.layers == nullptr ? set_layer(context, "lowerdir", lower.directory)
                                 : set_layers(context, *lower.layers, staging);
}

ChildResult follow_nothing(int context, OverlayLower lower) {
  if (lower.in_user_namespace) YETT_STEP(from_kernel(sys_fsconfig_flag(context, "userxattr")));
  // SECURITY(overlay-xattr): a hostile image may carry overlay's own attributes; none is followed.
  YETT_STEP(from_kernel(sys_fsconfig_string(context, "redirect_dir", "nofollow")));
  YETT_STEP(from_kernel(sys_fsconfig_string(context, "metacopy", "off")));
  return from_kernel(sys_fsconfig_string(context, "index", "off"));
}

ChildResult configure_overlay(int context, OverlayLower lower, int staging, int upper, int work) {
  YETT_STEP(set_lower(context, lower, staging));
  YETT_STEP(set_layer(context, "upperdir", upper));
  YETT_STEP(set_layer(context, "workdir", work));
  return follow_nothing(context, lower);
}

ChildResult configure_layers(int context, OverlayLower lower, int staging) {
  YETT_STEP(set_lower(context, lower, staging));
  return follow_nothing(context, lower);
}

// The directory below which `upper` and `work` live: the kept one (idmapped when asked), or a fresh
// directory of the staging tmpfs. fd or -errno.
int open_layers(const MountEntry& entry, int staging, int id_map) {
  static unsigned serial = 0;
  char name[24];
  const char* unique = decimal(name, sizeof name, ++serial);
  if (::mkdirat(staging, unique, 0755) != 0) return -errno;
  const int place = ::openat(staging, unique, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (place < 0) return -errno;
  if (entry.upper.empty()) return place;
  if (::mkdir(entry.upper.c_str(), 0755) != 0 && errno != EEXIST) return -errno;
  const int kept = sys_open_tree_clone(AT_FDCWD, entry.upper.c_str(), Subtree::only_this_mount);
  int result = kept;
  if (kept >= 0 && id_map >= 0) result = sys_mount_idmap(kept, id_map);
  if (result >= 0) result = sys_move_mount(kept, place, "");
  ::close(place);
  if (result >= 0) return kept;
  if (kept >= 0) ::close(kept);
  return result;
}

int open_layer(int layers, const char* name, const MountEntry& entry, unsigned uid, unsigned gid) {
  if (::mkdirat(layers, name, entry.file_mode) != 0 && errno != EEXIST) return -errno;
  const int layer = ::openat(layers, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (layer < 0) return -errno;
  if (entry.owned_by_user && ::fchownat(layer, "", uid, gid, AT_EMPTY_PATH) != 0) {
    const int error = errno;
    ::close(layer);
    return -error;
  }
  return layer;
}

}  // namespace

const char* decimal(char* buffer, unsigned size, std::uint64_t value) {
  char* at = buffer + size - 1;
  *at = '\0';
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0 && at > buffer);
  return at;
}

std::uint64_t mount_attributes(const MountEntry& entry) {
  std::uint64_t attributes = mount_flags::kNoSuid;
  const bool holds_devices = entry.devices || entry.kind == MountKind::devpts;
  if (!holds_devices) attributes |= mount_flags::kNoDev;
  if (entry.writable == Writable::no) attributes |= mount_flags::kReadOnly;
  if (entry.executable == Executable::no) attributes |= mount_flags::kNoExec;
  return attributes;
}

int open_inside(int root, const char* path) {
  return sys_open_in_root(root, path, O_PATH | O_CLOEXEC, 0);
}

ChildResult make_directories(int root, const char* path, std::uint32_t mode) {
  const ChildResult last = make_one_directory(root, path, mode);
  if (last != ENOENT) return last;
  char prefix[kPathMax];
  const std::size_t length = std::strlen(path);
  if (length >= kPathMax) return ENAMETOOLONG;
  for (std::size_t end = 1; end <= length; ++end) {
    if (path[end] != '/' && path[end] != '\0') continue;
    std::memcpy(prefix, path, end);
    prefix[end] = '\0';
    YETT_STEP(make_one_directory(root, prefix, end == length ? mode : 0755));
  }
  return kDone;
}

const char* last_component(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

int open_parent(int root, const char* path) {
  char parent[kPathMax];
  if (!copy_parent(path, parent)) return -ENAMETOOLONG;
  const int directory = open_directory(root, parent);
  if (directory != -ENOENT) return directory;
  const ChildResult made = make_directories(root, parent, 0755);
  return made == kDone ? open_directory(root, parent) : -made;
}

int kept_parent(int root, const char* path) {
  char parent[kPathMax];
  if (!copy_parent(path, parent)) return -ENAMETOOLONG;
  if (is_root(parent)) return root;
  if (neighbours.fd >= 0 && neighbours.root == root && std::strcmp(neighbours.path, parent) == 0)
    return neighbours.fd;
  forget_parent();
  const int opened = open_parent(root, path);
  if (opened < 0) return opened;
  neighbours.fd = opened;
  neighbours.root = root;
  std::memcpy(neighbours.path, parent, std::strlen(parent) + 1);
  return opened;
}

void forget_parent() {
  if (neighbours.fd >= 0) ::close(neighbours.fd);
  neighbours.fd = -1;
}

int open_mount_point(int root, const char* path, MountPoint kind) {
  const int existing = open_inside(root, path);
  if (existing != -ENOENT) return existing;
  const ChildResult made = kind == MountPoint::directory ? make_directories(root, path, 0755)
                                                         : make_empty_file(root, path);
  return made == kDone ? open_inside(root, path) : -made;
}

int make_tmpfs(const TmpfsShape& shape, unsigned uid, unsigned gid, std::uint64_t attributes) {
  const int context = sys_fsopen("tmpfs");
  if (context < 0) return context;
  return created(context, configure_tmpfs(context, shape, uid, gid), attributes);
}

int make_overlay(const MountEntry& entry, OverlayLower lower, int staging, int id_map, unsigned uid,
                 unsigned gid, std::uint64_t attributes) {
  const int layers = open_layers(entry, staging, id_map);
  if (layers < 0) return layers;
  const int upper = open_layer(layers, "upper", entry, uid, gid);
  const int work = open_layer(layers, "work", entry, uid, gid);
  int result = upper < 0 ? upper : work < 0 ? work : sys_fsopen("overlay");
  if (result >= 0)
    result = created(result, configure_overlay(result, lower, staging, upper, work), attributes);
  if (upper >= 0) ::close(upper);
  if (work >= 0) ::close(work);
  ::close(layers);
  return result;
}

int make_layers(OverlayLower lower, int staging, std::uint64_t attributes) {
  const int context = sys_fsopen("overlay");
  if (context < 0) return context;
  return created(context, configure_layers(context, lower, staging), attributes);
}

}  // namespace yett
