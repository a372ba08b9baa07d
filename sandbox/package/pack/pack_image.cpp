#include "sandbox/package/pack/pack_image.hpp"

#include <fcntl.h>
#include <sha256.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/package/pack/erofs_writer.hpp"
#include "sandbox/package/pack/squashfs_writer.hpp"

namespace yett {
namespace {

Status refuse_existing(const PackOptions& options) {
  struct stat status{};
  if (::lstat(options.output.c_str(), &status) != 0) return {};
  if (S_ISDIR(status.st_mode)) return fail(request_error(options.output, "is a directory"));
  if (options.overwrite == Overwrite::no)
    return fail(request_error(options.output, "exists already", "overwrite it with --force"));
  return {};
}

Status write_image(const PackTree& tree, const PackOptions& options, BorrowedFd fd,
                   const std::string& partial, const PackProgress& progress) {
  if (options.kind == ImageKind::squashfs) return write_squashfs(tree, options, fd, progress);
  return write_erofs(tree, options, partial, progress);
}

}  // namespace

Status pack_image(const PackTree& tree, const PackOptions& options, const PackProgress& progress) {
  YETT_CHECK(refuse_existing(options));
  const std::string partial = options.output + ".partial." + std::to_string(::getpid());
  const UniqueFd fd(::open(partial.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid()) return fail(errno_error("create package", partial));
  ScopeExit remove([&partial] { ::unlink(partial.c_str()); });
  YETT_CHECK(write_image(tree, options, fd.borrow(), partial, progress));
  // A full disk may show only now; a package that was told made must be whole.
  if (::fsync(fd.get()) != 0) return fail(errno_error("write package", options.output));
  if (::rename(partial.c_str(), options.output.c_str()) != 0)
    return fail(errno_error("name package", options.output));
  remove.release();
  return {};
}

Result<std::string> digest_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return fail(errno_error("open", path));
  SHA2_CTX context;
  SHA256Init(&context);
  std::vector<std::uint8_t> part(1U << 20);
  while (true) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno_error("read", path));
    if (got == 0) break;
    SHA256Update(&context, part.data(), static_cast<std::size_t>(got));
  }
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256Final(digest.data(), &context);
  std::string text(2 * digest.size(), '0');
  for (std::size_t i = 0; i < digest.size(); ++i) {
    static constexpr const char* kDigits = "0123456789abcdef";
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace yett
