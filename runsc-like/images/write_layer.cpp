#include "runsc-like/images/write_layer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/text.hpp"
#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/digest.hpp"
#include "runsc-like/images/overlay_form.hpp"

namespace yett {
namespace {

constexpr mode_t kKeptMode = 01777;
constexpr const char* kOperation = "commit";

class LayerWriter {
 public:
  LayerWriter(BorrowedFd root, Owners owners, BorrowedFd into, UnpackBounds& bounds)
      : root_(root), owners_(owners), into_(into), bounds_(bounds) {}

  Status take(const TreeChange& change) {
    const std::string path = change.path.substr(1);
    YETT_CHECK(take_entry(bounds_, 0, kOperation));
    if (change.kind == ChangeKind::deleted) return take_deletion(path);
    const UniqueFd found = open_beneath(root_, path, O_PATH | O_NOFOLLOW);
    struct stat status{};
    if (!found.valid() || ::fstat(found.get(), &status) != 0) return {};  // gone meanwhile
    switch (status.st_mode & S_IFMT) {
      case S_IFDIR:
        return take_directory(path, status);
      case S_IFREG:
        return take_file(path, status);
      case S_IFLNK:
        return take_symlink(path, found);
      default:
        ++written_.unpacked.left_out;
        return {};
    }
  }

  WrittenLayer finish() {
    written_.digest = digest_.take();
    return std::move(written_);
  }

 private:
  struct Place {
    UniqueFd parent;
    std::string name;
  };

  // SECURITY(commit-private): others may what the owner may, unless it is root's, as everything of
  // an image is, or one of several users'.
  [[nodiscard]] mode_t kept_mode(const struct stat& status) const {
    mode_t mode = status.st_mode & kKeptMode;
    if (status.st_uid != 0 && owners_ == Owners::one_user) mode |= (mode & S_IRWXU) >> 6U;
    return mode;
  }

  // A directory comes before what is in it; one that was none when it was looked at has nothing.
  Result<Place> find_place(const std::string& path) const {
    const std::size_t slash = path.rfind('/');
    const bool on_top = slash == std::string::npos;
    Place place{
        .parent = open_beneath(into_, on_top ? "" : path.substr(0, slash), O_RDONLY | O_DIRECTORY),
        .name = on_top ? path : path.substr(slash + 1)};
    return place;
  }

  void note(const char* kind, const std::string& path, const std::string& what) {
    digest_.add_text(kind);
    digest_.add_text(path);
    digest_.add_text(what);
  }

  Status take_deletion(const std::string& path) {
    YETT_TRY(const Place place, find_place(path));
    if (!place.parent.valid()) return {};
    note("deletion", path, "");
    return make_deletion(place.parent.borrow(), place.name);
  }

  Status take_directory(const std::string& path, const struct stat& status) {
    YETT_TRY(const Place place, find_place(path));
    if (!place.parent.valid()) return {};
    if (::mkdirat(place.parent.get(), place.name.c_str(), 0700) != 0)
      return fail(errno_error("mkdir", escape_for_terminal(path)));
    const UniqueFd made = open_beneath(place.parent.borrow(), place.name, O_RDONLY | O_DIRECTORY);
    if (!made.valid() || ::fchmod(made.get(), kept_mode(status)) != 0)
      return fail(errno_error("chmod", escape_for_terminal(path)));
    note("directory", path, std::to_string(kept_mode(status)));
    return {};
  }

  Status take_symlink(const std::string& path, const UniqueFd& link) {
    std::array<char, PATH_MAX> text{};
    const ssize_t length = ::readlinkat(link.get(), "", text.data(), text.size() - 1);
    YETT_TRY(const Place place, find_place(path));
    if (length <= 0 || !place.parent.valid()) return {};
    YETT_CHECK(take_bytes(bounds_, static_cast<std::uint64_t>(length), kOperation));
    note("link", path, text.data());
    if (::symlinkat(text.data(), place.parent.get(), place.name.c_str()) != 0)
      return fail(errno_error("symlink", escape_for_terminal(path)));
    return {};
  }

  // It is opened again, by its way, for reading: and may be something else by now.
  Status take_file(const std::string& path, const struct stat& looked) {
    const UniqueFd from = open_beneath(root_, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat status{};
    const bool same = from.valid() && ::fstat(from.get(), &status) == 0 &&
                      S_ISREG(status.st_mode) && status.st_ino == looked.st_ino;
    YETT_TRY(const Place place, find_place(path));
    if (!same || !place.parent.valid()) return {};
    // A file of holes is told before it is written.
    UnpackBounds left = bounds_;
    YETT_CHECK(take_bytes(left, static_cast<std::uint64_t>(status.st_size), kOperation));
    const UniqueFd to(::openat(place.parent.get(), place.name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to.valid()) return fail(errno_error("create", escape_for_terminal(path)));
    note("file", path, std::to_string(kept_mode(status)));
    YETT_CHECK(copy_bytes(from, to, path));
    if (::fchmod(to.get(), kept_mode(status)) != 0)
      return fail(errno_error("chmod", escape_for_terminal(path)));
    const bool was_closed = (status.st_mode & S_IRWXO) == 0;
    if (was_closed && kept_mode(status) != (status.st_mode & kKeptMode))
      written_.opened.push_back("/" + path);
    const std::array<struct timespec, 2> times{status.st_mtim, status.st_mtim};
    ::futimens(to.get(), times.data());
    return {};
  }

  Status copy_bytes(const UniqueFd& from, const UniqueFd& to, const std::string& path) {
    std::array<char, 65536> bytes;
    Digest content;
    for (;;) {
      const ssize_t got = ::read(from.get(), bytes.data(), bytes.size());
      if (got < 0) return fail(errno_error("read", escape_for_terminal(path)));
      if (got == 0) break;
      const auto count = static_cast<std::uint64_t>(got);
      YETT_CHECK(take_bytes(bounds_, count, kOperation));
      written_.unpacked.bytes += count;
      content.add({bytes.data(), static_cast<std::size_t>(got)});
      if (::write(to.get(), bytes.data(), static_cast<std::size_t>(got)) != got)
        return fail(errno_error("write", escape_for_terminal(path)));
    }
    digest_.add_text(content.take());
    return {};
  }

  BorrowedFd root_;
  Owners owners_;
  BorrowedFd into_;
  UnpackBounds& bounds_;
  Digest digest_;
  WrittenLayer written_;
};

}  // namespace

Result<WrittenLayer> write_layer(BorrowedFd root, const std::vector<TreeChange>& changes,
                                 Owners owners, BorrowedFd into, UnpackBounds& bounds) {
  LayerWriter writer(root, owners, into, bounds);
  for (const TreeChange& change : changes) YETT_CHECK(writer.take(change));
  return writer.finish();
}

}  // namespace yett
