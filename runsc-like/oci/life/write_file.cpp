#include "runsc-like/oci/life/write_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/unique_fd.hpp"

namespace yett::oci {
namespace {

Status write_all(const UniqueFd& file, std::string_view text, const std::string& path) {
  if (!file.valid()) return fail(errno_error("open", path));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", path));
  return {};
}

}  // namespace

Status write_text_file(const std::string& path, std::string_view text) {
  return write_all(UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC)), text, path);
}

Status write_pid_file(const std::string& path, int pid) {
  const std::string fresh = path + ".yett-new";
  {
    // SECURITY(container-pid-file): what another user left there would be theirs, and so the pid
    // that is read from it later.
    ::unlink(fresh.c_str());
    const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    YETT_CHECK(write_all(file, std::to_string(pid), fresh));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(errno_error("rename", path));
  return {};
}

}  // namespace yett::oci
