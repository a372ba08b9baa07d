// Safe because the kernel decides: it walks the path from the target's own root with the target's
// own rights, on the one copy of the path that there is. What is opened is what the sandbox's mount
// tree has, and nothing else can be named from there.
#include "supervisor/emulate/open.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string_view>

#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/policy/paths.hpp"
#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/one_root.hpp"
#include "supervisor/emulate/target_credentials.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/emulate/target_view.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

// With one of them the filter passed the call on for the bits of its mode, which are refused here.
constexpr int kMakes = O_CREAT | (O_TMPFILE & ~O_DIRECTORY);

struct OpenCall {
  int directory = AT_FDCWD;
  std::uint64_t address = 0;
  int flags = 0;
};

OpenCall call_of(const seccomp_data& data) {
  if (data.nr == SYS_open)
    return {.address = data.args[0], .flags = static_cast<int>(data.args[1])};
  return {.directory = static_cast<int>(data.args[0]),
          .address = data.args[1],
          .flags = static_cast<int>(data.args[2])};
}

// What /proc tells "of oneself" it would tell of the supervisor.
struct OwnName {
  std::string_view name;
  std::string_view below;  // /proc/PROCESS
};
constexpr std::array kOwnNames{
    OwnName{"/proc/self", ""},       OwnName{"/dev/fd", "/fd"},
    OwnName{"/dev/stdin", "/fd/0"},  OwnName{"/dev/stdout", "/fd/1"},
    OwnName{"/dev/stderr", "/fd/2"}, OwnName{"/proc/mounts", "/mounts"},
    OwnName{"/proc/net", "/net"},
};
constexpr std::string_view kOwnThread = "/proc/thread-self";

std::string by_number(const PendingNotification& pending, const std::string& path) {
  if (!path.starts_with("/proc/") && !path.starts_with("/dev/")) return path;
  const auto rest = [&path](std::string_view name) { return path.substr(name.size()); };
  const auto ids = read_inner_ids(pending);
  if (!ids) return path;
  std::string process = "/proc/" + std::to_string(ids->process);
  if (is_within(path, kOwnThread))
    return process + "/task/" + std::to_string(ids->thread) + rest(kOwnThread);
  for (const OwnName& own : kOwnNames)
    if (is_within(path, own.name)) return process.append(own.below) + rest(own.name);
  return path;
}

std::string link_text(const UniqueFd& file) {
  std::array<char, PATH_MAX> text;
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

// Empty where the target's root is not its mount namespace's: nobody outside would know the name.
std::string absolute_path(const TargetPlace& place, const std::string& path) {
  if (path.empty() || link_text(place.root) != "/") return {};
  const auto normal =
      normalise_path(path.starts_with('/') ? path : link_text(place.base) + "/" + path);
  return normal ? *normal : std::string();
}

int open_again_on_signals(const char* path, int flags) {
  int opened = -1;
  do {
    opened = ::open(path, flags | O_CLOEXEC | O_NOCTTY);
  } while (opened < 0 && errno == EINTR);
  return opened;
}

// SECURITY(no-terminal-of-ours): /dev/tty is the terminal of whoever opens it.
bool is_own_terminal(const UniqueFd& file) {
  struct stat found{};
  return ::fstat(file.get(), &found) != 0 ||
         (S_ISCHR(found.st_mode) && found.st_rdev == ::makedev(5, 0));
}

void note_what_it_is(const std::string& path, OpenedFile& opened) {
  const UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat found{};
  if (!place.valid() || ::fstat(place.get(), &found) != 0) return;
  opened.device = found.st_dev;
  opened.inode = found.st_ino;
}

void refuse_own_terminal(OpenedFile& opened) {
  if (opened.error != 0 || !is_own_terminal(opened.file)) return;
  opened.file.reset();
  opened.error = ENXIO;
}

void open_in(const TargetPlace& place, const SandboxPlan& plan, const std::string& path,
             OpenedFile& opened) {
  const TargetView view(place);
  if (!view.taken()) return;
  const TargetCredentials rights(plan.identity.host_uid, plan.identity.host_gid);
  if (!rights.taken()) return;
  opened.file.reset(open_again_on_signals(path.c_str(), opened.wanted.flags));
  opened.error = opened.file.valid() ? 0 : errno;
  if (opened.error == EROFS) note_what_it_is(path, opened);
  refuse_own_terminal(opened);
}

int own_flags(const OpenedFile& opened) { return opened.wanted.flags | O_CLOEXEC | O_NOCTTY; }

// What the target's view would give as well.
constexpr std::array kPlainErrors{ENOENT, EACCES, ENOTDIR, EISDIR};

// Means what it says wherever it is opened.
bool is_plain_name(const std::string& path) {
  return !path.empty() && !path.starts_with("/proc") && !path.starts_with("/dev");
}

}  // namespace

TargetOpener::TargetOpener(const SandboxPlan& plan)
    : plan_(&plan), one_root_(plan.ask.opens && has_one_root(plan.filter)) {}

bool TargetOpener::has_root(const PendingNotification& pending) {
  if (root_.valid()) return true;
  rights_.give_back();
  auto place = open_target_place(pending, AT_FDCWD);
  if (place && link_text(place->root) == "/") root_ = std::move(place->root);
  return root_.valid();
}

// -errno.
int TargetOpener::open_from_root(const PendingNotification& pending, OpenedFile& opened) {
  if (!has_root(pending) || !rights_.take(plan_->identity)) return -EAGAIN;
  if (auto normal = normalise_path(opened.wanted.path)) opened.wanted.absolute = *normal;
  return sys_open_in_root(root_.get(), opened.wanted.path.c_str(), own_flags(opened), 0);
}

int TargetOpener::open_below(const PendingNotification& pending, int directory,
                             const OpenedFile& opened) {
  const auto base = open_target_base(pending, directory);
  if (!base || !rights_.take(plan_->identity)) return -EAGAIN;
  const int found = sys_open_beneath(base->get(), opened.wanted.path.c_str(), own_flags(opened));
  return found < 0 ? -EAGAIN : found;
}

// Without a root of the target's: the kernel walks as it would for the target from the root that
// all of them have, or from a directory without leaving it. Where it cannot, by what is a link of
// a process's or leads elsewhere, false: the target's view has the last word.
bool TargetOpener::open_quickly(const PendingNotification& pending, int directory,
                                OpenedFile& opened) {
  const std::string& path = opened.wanted.path;
  if (!one_root_ || !is_plain_name(path)) return false;
  const int found = path.starts_with('/') ? open_from_root(pending, opened)
                                          : open_below(pending, directory, opened);
  opened.error = found < 0 ? -found : 0;
  if (found < 0) return std::ranges::find(kPlainErrors, -found) != kPlainErrors.end();
  opened.file.reset(found);
  refuse_own_terminal(opened);
  return true;
}

void TargetOpener::open_in_view(const PendingNotification& pending, int directory,
                                OpenedFile& opened) {
  const std::string& wanted = opened.wanted.path;
  const auto place = open_target_place(pending, wanted.starts_with('/') ? AT_FDCWD : directory);
  if (!place) {
    opened.error = errno_of_copy(place.error());
    return;
  }
  opened.wanted.absolute = absolute_path(*place, wanted);
  open_in(*place, *plan_, by_number(pending, wanted), opened);
}

OpenedFile TargetOpener::open(const PendingNotification& pending) {
  const OpenCall call = call_of(pending.data());
  OpenedFile opened;
  opened.wanted.flags = call.flags;
  if ((call.flags & kMakes) != 0) {
    opened.error = EPERM;
    return opened;
  }
  auto path = copy_target_string(pending, call.address);
  if (!path) {
    opened.error = errno_of_copy(path.error());
    return opened;
  }
  opened.wanted.path = std::move(*path);
  if (open_quickly(pending, call.directory, opened)) return opened;
  rights_.give_back();
  open_in_view(pending, call.directory, opened);
  return opened;
}

CloseOnExec close_on_exec_of(int flags) {
  return (flags & O_CLOEXEC) != 0 ? CloseOnExec::yes : CloseOnExec::no;
}

}  // namespace yett
