#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "sandbox/host/probe.hpp"
#include "sandbox/host/user_namespace.hpp"

namespace yett {
namespace {

// Root of a user namespace may have nothing of its own there.
bool may_use_run() {
  const char* found = ::access("/run/yett", F_OK) == 0 ? "/run/yett" : "/run";
  return in_initial_user_namespace() || ::access(found, W_OK | X_OK) == 0;
}

std::string find_runtime_directory() {
  if (::geteuid() == 0 && may_use_run()) return "/run/yett";
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  if (base != nullptr && base[0] == '/' && ::access(base, W_OK | X_OK) == 0)
    return std::string(base) + "/yett";
  return "/tmp/yett-" + std::to_string(::geteuid());
}

// Found once: who becomes root of a namespace keeps the place that it began with.
const std::string& runtime_directory_path() {
  static const std::string path = find_runtime_directory();
  return path;
}

}  // namespace

Result<std::string> open_runtime_directory() {
  const std::string& path = runtime_directory_path();
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno != ENOENT) return fail(errno_error("look at", path));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(errno_error("make the runtime directory", path));
    if (::lstat(path.c_str(), &found) != 0) return fail(errno_error("look at", path));
  }
  // SECURITY(runtime-directory): a symlink, another owner or a wider mode is refused, for the
  // compiled filters kept here are installed as they are.
  if (!S_ISDIR(found.st_mode))
    return fail(host_error(path, "not a directory", "remove it; yett makes it anew"));
  if (found.st_uid != ::geteuid())
    return fail(host_error(path, "belongs to uid " + std::to_string(found.st_uid),
                           "remove it; yett makes it anew"));
  if ((found.st_mode & 077) != 0)
    return fail(host_error(path, "others may enter it", "chmod 700 " + path));
  return path;
}

}  // namespace yett
