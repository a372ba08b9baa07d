#include "base/own_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace yett {
namespace {

bool is_own_descriptor(std::string_view path) {
  constexpr std::array<std::string_view, 2> kStreams{"/dev/stdout", "/dev/stderr"};
  return std::ranges::find(kStreams, path) != kStreams.end() || path.starts_with("/dev/fd/") ||
         path.starts_with("/proc/self/fd/");
}

std::unexpected<Error> refused(const std::string& what, const std::string& path,
                               const std::string& why) {
  return fail(request_error(what + " " + path, why, "name a file that is not there, or your own"));
}

// It keeps nothing, whoever has it: some runtimes give the host's to a container's user, who had it
// for a standard stream.
bool is_null_device(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3);
}

Status check_own(int file, const std::string& path, const std::string& what) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return fail(errno_error("look at", what + " " + path));
  if (is_null_device(status)) return {};
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return refused(what, path, "belongs to uid " + std::to_string(status.st_uid));
  if (S_ISREG(status.st_mode) && status.st_nlink > 1)
    return refused(what, path, "has another name, too");
  return {};
}

}  // namespace

// SECURITY(file-is-own): whoever may write to the directory shall not have root write elsewhere,
// nor wait for a pipe.
Result<UniqueFd> open_own_file(const std::string& path, OwnFile how, const std::string& what) {
  const int append = how == OwnFile::appended ? O_APPEND : 0;
  const int plain = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | append;
  const bool is_descriptor = is_own_descriptor(path);
  const int careful = is_descriptor ? plain : plain | O_NOFOLLOW | O_NONBLOCK;
  UniqueFd file(::open(path.c_str(), careful, 0600));
  if (!file.valid() && errno == ELOOP) return refused(what, path, "is a link");
  if (!file.valid()) return fail(errno_error("open", what + " " + path));
  if (is_descriptor) return file;
  YETT_CHECK(check_own(file.get(), path, what));
  if (::fcntl(file.get(), F_SETFL, append) != 0 ||
      (how == OwnFile::emptied && ::ftruncate(file.get(), 0) != 0 && errno != EINVAL))
    return fail(errno_error("open", what + " " + path));
  return file;
}

}  // namespace yett
