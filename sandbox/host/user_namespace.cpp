#include "sandbox/host/user_namespace.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "sandbox/host/feature_cache.hpp"
#include "sandbox/host/read_file.hpp"

namespace yett {
namespace {

Attempt write_once(const char* path, std::string_view text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return {errno, path};
  const bool written =
      ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return written ? Attempt{} : Attempt{errno, path};
}

std::string map_of_one(unsigned id) { return "0 " + std::to_string(id) + " 1"; }

// What distributions forbid user namespaces by, the commonest first.
std::string mend_of_refusal() {
  const auto is = [](const char* path, std::string_view value) {
    return read_line_file(path).value_or("") == value;
  };
  if (is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
    return "install packaging/apparmor/yett in /etc/apparmor.d and load it with apparmor_parser -r";
  if (is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
    return "sysctl kernel.unprivileged_userns_clone=1";
  if (is("/proc/sys/user/max_user_namespaces", "0")) return "sysctl user.max_user_namespaces=10000";
  return "run yett as root; in a container, allow unshare(2), mount(2) and sethostname(2) there";
}

// ---- what a filter around us refuses ------------------------------------------------------------

bool is_filtered() { return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER; }

// As PID 1 of a sandbox's namespaces.
Attempt try_names_and_mounts() {
  constexpr char kName[] = "yett";
  if (::sethostname(kName, sizeof kName - 1) != 0) return {errno, "sethostname in a namespace"};
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return {errno, "mount in a namespace"};
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("proc", "/proc", "proc", kFlags, nullptr) != 0)
    return {errno, "mount of /proc in a namespace"};
  return {};
}

Attempt try_namespaces() {
  if (const Attempt entered = enter_user_namespace(); entered.error != 0) return entered;
  if (::unshare(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC) != 0)
    return {errno, "unshare of further namespaces"};
  return attempt_in_child(try_names_and_mounts);
}

}  // namespace

bool in_initial_user_namespace() {
  const std::string map = read_file("/proc/self/uid_map").value_or("");
  return map.find(" 4294967295") != std::string::npos && map.find('\n') == map.size() - 1;
}

namespace {

int user_namespace_flags(OwnMounts mounts) {
  return mounts == OwnMounts::now ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWUSER;
}

Attempt enter_with_one_id(OwnMounts mounts) {
  const std::string user_map = map_of_one(::geteuid());
  const std::string group_map = map_of_one(::getegid());
  if (::unshare(user_namespace_flags(mounts)) != 0) return {errno, "unshare of a user namespace"};
  if (const Attempt done = write_once("/proc/self/uid_map", user_map); done.error != 0) return done;
  // Who may not drop groups may not be given the right to by a namespace: CVE-2014-8989.
  if (const Attempt done = write_once("/proc/self/setgroups", "deny"); done.error != 0) return done;
  return write_once("/proc/self/gid_map", group_map);
}

Status make_mounts_private() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail(errno_error("make mounts private"));
  return {};
}

Status refused(const Attempt& attempt) {
  return fail(host_error("mode rootless", feature_of(attempt).detail, mend_of_refusal()));
}

Status enter_with(const SubordinateIds& more, OwnMounts mounts) {
  YETT_TRY(IdMapper mapper, IdMapper::start(more));
  if (::unshare(user_namespace_flags(mounts)) != 0)
    return refused({errno, "unshare of a user namespace"});
  return mapper.map();
}

}  // namespace

Attempt enter_user_namespace() { return enter_with_one_id(OwnMounts::now); }

Status become_namespace_root(const std::optional<SubordinateIds>& more, OwnMounts mounts) {
  if (::geteuid() == 0) return {};
  // Containers let namespaces be made and refuse what is done in them. Whoever is in one finds out
  // too late for another mode.
  if (const Attempt tried = is_filtered() ? attempt_in_child(try_namespaces) : Attempt{};
      tried.error != 0)
    return refused(tried);
  note_user_namespace_around();
  if (more) {
    YETT_CHECK(enter_with(*more, mounts));
  } else if (const Attempt entered = enter_with_one_id(mounts); entered.error != 0) {
    return refused(entered);
  }
  return mounts == OwnMounts::now ? make_mounts_private() : Status{};
}

Status take_own_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) return fail(errno_error("unshare", "the mount namespace"));
  return make_mounts_private();
}

}  // namespace yett
