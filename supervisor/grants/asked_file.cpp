#include "supervisor/grants/asked_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

// Trees that are no files of anybody's.
constexpr std::array<std::string_view, 3> kNever{"/proc", "/sys", "/dev"};

// Of what a program may ask for when it opens; the rest is the supervisor's to add.
constexpr int kTargetsFlags =
    O_ACCMODE | O_APPEND | O_TRUNC | O_NONBLOCK | O_SYNC | O_DIRECT | O_NOATIME;

bool is_within_any(const std::string& path, const auto& trees) {
  return std::ranges::any_of(trees, [&](const auto& tree) { return is_within(path, tree); });
}

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0; }

int access_of(int flags) {
  const int mode = flags & O_ACCMODE;
  return (mode != O_WRONLY ? R_OK : 0) | (writes(flags) ? W_OK : 0);
}

// By the real ids, which are the sandbox's, and without a capability.
bool user_may(const UniqueFd& file, int access) {
  return ::syscall(SYS_faccessat2, file.get(), "", access, AT_EMPTY_PATH) == 0;
}

UniqueFd find_plain(const std::string& path) {
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return {};
  const int found = sys_open_plain_in_root(root.get(), path.c_str());
  return found < 0 ? UniqueFd() : UniqueFd(found);
}

// Refused because the sandbox has nothing there; or because it has it read-only, and then it must
// be the same file.
bool is_question(const OpenedFile& refused, const struct stat& host) {
  if (refused.error == ENOENT) return true;
  return refused.error == EROFS && refused.device == host.st_dev && refused.inode == host.st_ino;
}

}  // namespace

bool AskedFile::for_write() const { return writes(flags); }

bool may_ask_about(const AskPlan& plan, const std::string& path) {
  if (path.empty() || is_within_any(path, kNever) || is_within_any(path, plan.never)) return false;
  return plan.within.empty() || is_within_any(path, plan.within);
}

std::optional<AskedFile> find_asked_file(const SandboxPlan& plan, const OpenedFile& refused,
                                         LastingRights& rights) {
  if (refused.error != ENOENT && refused.error != EROFS) return std::nullopt;
  if (!may_ask_about(plan.ask, refused.wanted.absolute)) return std::nullopt;
  if (!rights.take(plan.identity)) return std::nullopt;
  // SECURITY(asked-is-opened): the file is held by this descriptor until it is opened.
  UniqueFd file = find_plain(refused.wanted.absolute);
  struct stat found{};
  // SECURITY(files-only): a directory of the host's would lead to all that lies around it.
  if (!file.valid() || ::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode))
    return std::nullopt;
  if (!is_question(refused, found) || !user_may(file, access_of(refused.wanted.flags)))
    return std::nullopt;
  return AskedFile{.file = std::move(file),
                   .path = refused.wanted.absolute,
                   .flags = refused.wanted.flags,
                   .device = found.st_dev,
                   .inode = found.st_ino,
                   .patience = refused.wanted.patience};
}

Result<UniqueFd> show_asked_file(const AskedFile& asked) {
  UniqueFd mount(sys_open_tree_clone(asked.file.get(), "", Subtree::only_this_mount));
  if (!mount.valid()) return fail(errno_error("show", asked.path));
  namespace flags = mount_flags;
  const std::uint64_t held =
      flags::kNoSuid | flags::kNoDev | flags::kNoExec | (asked.for_write() ? 0 : flags::kReadOnly);
  if (const int set = sys_mount_setattr(mount.get(), held, 0, Subtree::only_this_mount); set < 0)
    return fail(errno_error(-set, "show", asked.path));
  return mount;
}

Result<UniqueFd> open_asked_file(const IdentityPlan& user, BorrowedFd shown, const AskedFile& asked,
                                 LastingRights& rights) {
  if (!rights.take(user)) return fail(errno_error(EPERM, "open", asked.path));
  const std::string link = "/proc/self/fd/" + std::to_string(shown.get());
  UniqueFd opened(::open(link.c_str(), (asked.flags & kTargetsFlags) | O_NOCTTY | O_CLOEXEC));
  if (!opened.valid()) return fail(errno_error("open", asked.path));
  return opened;
}

}  // namespace yett
