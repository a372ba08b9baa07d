// From the runtime's privileges to the container's own, and into its program.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/container/container_context.hpp"
#include "sandbox/guard/privileges_child.hpp"

namespace yett {

namespace {

// SECURITY(container-label-file): of the kernel's own /proc. In a mount namespace that was joined
// it may be anything, which would take the label and keep it to itself. -1: it is not.
int open_in_proc(const char* path) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct statfs filesystem{};
  if (file < 0 || (::fstatfs(file, &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC))
    return file;
  ::close(file);
  errno = EPERM;
  return -1;
}

}  // namespace

// Several label systems may share the older file; AppArmor has one of its own where that is so.
int open_label_file(const ContainerProcess& process) {
  if (!process.apparmor_profile.empty()) {
    const int own = open_in_proc("/proc/self/attr/apparmor/exec");
    if (own >= 0) return own;
  }
  return open_in_proc("/proc/self/attr/exec");
}

}  // namespace yett

namespace yett::container_steps {
namespace {

// Whoever let us go on gives it to the agent. Nothing is closed here: that call may be one that the
// agent answers, and exec closes it.
ChildResult hand_over(const ContainerContext& context, int listener) {
  YETT_STEP(send_container_message(context.report_socket, {.kind = ContainerMessageKind::listener},
                                   listener));
  ContainerMessage answer;
  YETT_STEP(receive_container_message(context.report_socket, answer));
  return answer.kind == ContainerMessageKind::go_on ? kDone : EPROTO;
}

ChildResult install_filters(const ContainerContext& context) {
  const auto& filters = context.plan->filters;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const sock_fprog program{.len = static_cast<unsigned short>(filters[i].size()),
                             .filter = const_cast<sock_filter*>(filters[i].data())};
    const unsigned flags = i + 1 == filters.size() ? context.plan->filter_flags : 0;
    const long installed = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (installed < 0) return errno;
    if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0)
      YETT_STEP(hand_over(context, static_cast<int>(installed)));
  }
  return kDone;
}

ChildResult bound_capabilities(std::uint64_t bounding) {
  for (unsigned long capability = 0; capability < 64; ++capability) {
    const int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (held < 0) break;  // past the kernel's last one
    if (held == 0 || (bounding >> capability & 1) != 0) continue;
    YETT_STEP(from_libc(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)));
  }
  return kDone;
}

// Without no_new_privs a filter takes CAP_SYS_ADMIN, which is then kept until it is installed.
std::uint64_t kept_for_filters(const ContainerContext& context) {
  if (context.process->no_new_privileges || context.plan->filters.empty()) return 0;
  return 1ULL << CAP_SYS_ADMIN;
}

ChildResult hold_capabilities(const ContainerCapabilities& asked, std::uint64_t besides) {
  struct __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct sets[2]{};
  for (unsigned word = 0; word < 2; ++word) {
    sets[word].effective = static_cast<std::uint32_t>((asked.effective | besides) >> (32 * word));
    sets[word].permitted = static_cast<std::uint32_t>((asked.permitted | besides) >> (32 * word));
    sets[word].inheritable = static_cast<std::uint32_t>(asked.inheritable >> (32 * word));
  }
  return from_libc(::syscall(SYS_capset, &header, sets));
}

ChildResult set_capabilities(const ContainerCapabilities& asked, std::uint64_t besides) {
  YETT_STEP(hold_capabilities(asked, besides));
  YETT_STEP(from_libc(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)));
  // What is not both permitted and inheritable cannot be ambient, and `runc spec` asks for it.
  const std::uint64_t ambient = asked.ambient & asked.permitted & asked.inheritable;
  for (unsigned long capability = 0; capability < 64; ++capability)
    if ((ambient >> capability & 1) != 0)
      YETT_STEP(from_libc(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)));
  return kDone;
}

// A user namespace of an unprivileged caller may not change groups: then none may be asked for.
ChildResult set_groups(const ContainerProcess& process) {
  const ChildResult set =
      from_libc(::syscall(SYS_setgroups, process.groups.size(), process.groups.data()));
  return set == EPERM && process.groups.empty() ? kDone : set;
}

ChildResult set_ids(const ContainerProcess& process) {
  YETT_STEP(set_groups(process));
  YETT_STEP(from_libc(::syscall(SYS_setresgid, process.gid, process.gid, process.gid)));
  YETT_STEP(from_libc(::syscall(SYS_setresuid, process.uid, process.uid, process.uid)));
  return from_libc(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));  // setresuid(2) reset it to the sysctl
}

// Programs that give up root reopen /dev/stdout by name, so a pipe or socket must be theirs, as the
// container's own terminal is. SECURITY(container-stdio-owner): files and devices of the host's
// stay whose they are.
void own_stdio(const ContainerProcess& process) {
  for (int fd = 0; fd <= 2; ++fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0 || status.st_uid == process.uid) continue;
    if (!S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)) continue;
    if (::fchown(fd, process.uid, static_cast<gid_t>(-1)) != 0) continue;
  }
}

ChildResult write_label(const ContainerContext& context) {
  const ContainerProcess& process = *context.process;
  if (!process.apparmor_profile.empty()) {
    if (context.label_file < 0) return ENOENT;
    char text[512] = "exec ";
    const std::size_t length = process.apparmor_profile.size();
    if (length + 6 > sizeof text) return ENAMETOOLONG;
    std::memcpy(text + 5, process.apparmor_profile.c_str(), length + 1);
    return from_libc(::write(context.label_file, text, length + 5));
  }
  if (process.selinux_label.empty()) return kDone;
  if (context.label_file < 0) return ENOENT;
  return from_libc(
      ::write(context.label_file, process.selinux_label.c_str(), process.selinux_label.size()));
}

// SECURITY(container-no-directory-on-stdio)
bool is_directory(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

// Before anybody waits, and before a filter of the configuration's could answer for the kernel.
// SECURITY(container-capabilities): bounding, effective, permitted, inheritable and ambient are
// exactly the configuration's.
ChildResult identity(ContainerContext& context) {
  const ContainerProcess& process = *context.process;
  own_stdio(process);
  YETT_STEP(write_label(context));
  YETT_STEP(bound_capabilities(process.capabilities.bounding));
  YETT_STEP(from_libc(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)));
  YETT_STEP(set_ids(process));
  if (process.umask)
    ::umask(*process.umask);
  else
    ::umask(022);
  return set_capabilities(process.capabilities, kept_for_filters(context));
}

// SECURITY(container-no-leaked-fds): 0, 1, 2 and those the caller asked for.
ChildResult confine(ContainerContext& context) {
  for (int fd = 0; fd <= 2; ++fd)
    if (is_directory(fd)) return EISDIR;
  const unsigned first = 3 + context.process->preserved_fds;
  YETT_STEP(from_libc(::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC)));
  if (context.process->no_new_privileges) YETT_STEP(forbid_new_privileges());
  YETT_STEP(install_filters(context));
  if (kept_for_filters(context) == 0) return kDone;
  return hold_capabilities(context.process->capabilities, 0);
}

// As execvp(3) looks a name up, without its allocations and its shell for files of unknown format.
ChildResult execute(ContainerContext& context) {
  ChildResult best = ENOENT;
  for (const char* const* path = context.candidates; *path != nullptr; ++path) {
    ::syscall(SYS_execve, *path, context.argv, context.environment);
    if (errno != ENOENT && errno != ENOTDIR) best = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  return best;
}

}  // namespace yett::container_steps
