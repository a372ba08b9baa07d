#include "runsc-like/images/image_files.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "base/text.hpp"
#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/digest.hpp"

namespace yett {
namespace {

constexpr std::size_t kMostText = std::size_t{4} << 20;

// SECURITY(image-files-beneath): in a directory that a stranger filled no link leads anywhere, not
// in the middle of a path either.
Result<UniqueFd> open_file(BorrowedFd directory, const std::string& path) {
  UniqueFd file = open_beneath(directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return fail(errno_error("open", path));
  if (!S_ISREG(status.st_mode)) return fail(request_error(path, "is no regular file"));
  return file;
}

Result<UniqueFd> make_nameless(const std::string& directory) {
  std::string path = directory + "/copy.XXXXXX";
  UniqueFd file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return fail(errno_error("create", path));
  ::unlink(path.c_str());
  return file;
}

// Of all that is read; it is also written to `copy`, where that is an open file.
Result<std::string> hash_all(const UniqueFd& from, const UniqueFd& copy, std::uint64_t most,
                             const std::string& name) {
  Digest digest;
  std::array<char, 65536> bytes;
  for (;;) {
    const ssize_t got = ::read(from.get(), bytes.data(), bytes.size());
    if (got < 0) return fail(errno_error("read", name));
    if (got == 0) return digest.take();
    const auto count = static_cast<std::size_t>(got);
    if (count > most)
      return fail(request_error(name, "is larger than what may be unpacked of an image",
                                "raise --max-size if you trust it"));
    most -= count;
    digest.add({bytes.data(), count});
    if (copy.valid() && ::write(copy.get(), bytes.data(), count) != got)
      return fail(errno_error("copy", name));
  }
}

Result<HashedFile> from_its_beginning(UniqueFd file, std::string digest, const std::string& name) {
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail(errno_error("seek", name));
  return HashedFile{.file = std::move(file), .digest = std::move(digest)};
}

std::string path_of_blob(const std::string& hex) { return "blobs/sha256/" + hex; }

Error of_another_digest(const std::string& hex) {
  return request_error(path_of_blob(hex), "its content has another digest");
}

}  // namespace

Result<std::string> hex_of_digest(const std::string& digest) {
  constexpr std::string_view kKind = "sha256:";
  const std::string hex = digest.starts_with(kKind) ? digest.substr(kKind.size()) : "";
  const bool good =
      hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (good) return hex;
  return fail(request_error(escape_for_terminal(digest.substr(0, 100)), "is no sha256 digest"));
}

// SECURITY(image-hashed-once): the bytes that are used are those that were hashed, whoever writes
// to the file meanwhile.
Result<HashedFile> copy_and_hash(const UniqueFd& from, const std::string& name,
                                 const std::string& into, std::uint64_t most) {
  YETT_TRY(UniqueFd copy, make_nameless(into));
  YETT_TRY(std::string digest, hash_all(from, copy, most, name));
  return from_its_beginning(std::move(copy), std::move(digest), name);
}

Result<std::string> hash_file(const UniqueFd& from, const std::string& name) {
  return hash_all(from, UniqueFd(), UINT64_MAX, name);
}

bool ImageFiles::has(const char* name) const {
  struct stat status{};
  return ::fstatat(directory_.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<std::string> ImageFiles::read_text(const std::string& path) const {
  YETT_TRY(const UniqueFd file, open_file(directory_, path));
  std::string text(kMostText + 1, '\0');
  std::size_t size = 0;
  for (ssize_t got = 0; (got = ::read(file.get(), text.data() + size, text.size() - size)) > 0;)
    size += static_cast<std::size_t>(got);
  if (size > kMostText) return fail(request_error(path, "is longer than 4 MiB"));
  text.resize(size);
  return text;
}

Result<HashedFile> ImageFiles::open(const std::string& path) const {
  YETT_TRY(UniqueFd file, open_file(directory_, path));
  if (!copies_.empty()) return copy_and_hash(file, path, copies_, most_);
  YETT_TRY(std::string digest, hash_all(file, UniqueFd(), most_, path));
  return from_its_beginning(std::move(file), std::move(digest), path);
}

// SECURITY(image-digests): a blob that is not what its name says is not used.
Result<HashedFile> ImageFiles::open_blob(const std::string& digest) const {
  YETT_TRY(const std::string hex, hex_of_digest(digest));
  YETT_TRY(HashedFile blob, open(path_of_blob(hex)));
  if (blob.digest != hex) return fail(of_another_digest(hex));
  return blob;
}

Result<std::string> ImageFiles::read_blob(const std::string& digest) const {
  YETT_TRY(const std::string hex, hex_of_digest(digest));
  YETT_TRY(std::string text, read_text(path_of_blob(hex)));
  Digest found;
  found.add(text);
  if (found.take() != hex) return fail(of_another_digest(hex));
  return text;
}

}  // namespace yett
