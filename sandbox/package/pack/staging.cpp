#include "sandbox/package/pack/staging.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

Status write_all(BorrowedFd fd, const char* bytes, std::size_t size, const std::string& path) {
  while (size > 0) {
    const ssize_t put = ::write(fd.get(), bytes, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail(errno_error(put < 0 ? errno : ENOSPC, "write", path));
    bytes += put;
    size -= static_cast<std::size_t>(put);
  }
  return {};
}

Status copy_content(const std::string& source, BorrowedFd target, const std::string& path) {
  const UniqueFd fd(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) return fail(errno_error("open", source));
  std::array<char, 65536> part;
  while (true) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno_error("read", source));
    if (got == 0) return {};
    YETT_CHECK(write_all(target, part.data(), static_cast<std::size_t>(got), path));
  }
}

Status set_times(const PackNode& node, const std::string& path) {
  const struct timespec when{.tv_sec = node.modified, .tv_nsec = 0};
  const std::array<struct timespec, 2> both{when, when};
  if (::utimensat(AT_FDCWD, path.c_str(), both.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return fail(errno_error("set times", path));
  return {};
}

Status lay_out_node(const PackNode& node, const std::string& path);

Status lay_out_file(const PackNode& node, const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return fail(errno_error("create", path));
  YETT_CHECK(node.host_path.empty()
                 ? write_all(fd.borrow(), node.content.data(), node.content.size(), path)
                 : copy_content(node.host_path, fd.borrow(), path));
  if (::fchmod(fd.get(), node.mode) != 0) return fail(errno_error("chmod", path));
  return {};
}

Status lay_out_directory(const PackNode& node, const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return fail(errno_error("make directory", path));
  for (const auto& [name, child] : node.children)
    YETT_CHECK(lay_out_node(*child, path + "/" + name));
  if (::chmod(path.c_str(), node.mode) != 0) return fail(errno_error("chmod", path));
  return {};
}

Status lay_out_node(const PackNode& node, const std::string& path) {
  switch (node.type) {
    case NodeType::directory:
      YETT_CHECK(lay_out_directory(node, path));
      break;
    case NodeType::regular:
      YETT_CHECK(lay_out_file(node, path));
      break;
    case NodeType::symlink:
      if (::symlink(node.content.c_str(), path.c_str()) != 0)
        return fail(errno_error("make link", path));
      break;
  }
  return set_times(node, path);
}

}  // namespace

Result<StagingDirectory> StagingDirectory::make(const std::string& prefix) {
  std::string path = prefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return fail(errno_error("make staging directory", path));
  return StagingDirectory(std::move(path));
}

StagingDirectory::~StagingDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Status StagingDirectory::lay_out(const PackTree& tree, const std::string& name) const {
  return lay_out_node(tree.root(), path_ + "/" + name);
}

}  // namespace yett
