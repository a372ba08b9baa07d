#include "runsc-like/images/unpack.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "base/text.hpp"
#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/overlay_form.hpp"
#include "runsc-like/images/remove_tree.hpp"

namespace yett {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::size_t kLongestPath = 4000;
constexpr std::size_t kDeepest = 256;
constexpr mode_t kKeptMode = 01777;
constexpr const char* kOperation = "unpack";

Error refused(const std::string& path, const char* why) {
  return request_error(escape_for_terminal(path.substr(0, 200)), why,
                       "the archive is damaged or hostile");
}

// "./usr//bin/" as {"usr", "bin"}.
Result<std::vector<std::string>> parts_of(const std::string& path) {
  if (path.size() > kLongestPath) return fail(refused(path, "is longer than 4,000 bytes"));
  if (path.starts_with('/')) return fail(refused(path, "is an absolute path"));
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part == "..") return fail(refused(path, "leads upwards"));
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
  }
  // SECURITY(unpack-depth): no deeper than every tool can take away again.
  if (parts.size() > kDeepest) return fail(refused(path, "lies more than 256 directories deep"));
  return parts;
}

// Whom rights bind must be able to fill a directory, to read what is run, and to take it away.
mode_t kept_mode(mode_t mode, EntryKind kind) {
  if (::geteuid() == 0) return mode & kKeptMode;
  return (mode & kKeptMode) | (kind == EntryKind::directory ? 0700U : 0400U);
}

enum class Found { nothing, directory, deletion, other };
Found look_at(BorrowedFd directory, const std::string& name) {
  struct stat status{};
  if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return Found::nothing;
  if (S_ISDIR(status.st_mode)) return Found::directory;
  return S_ISCHR(status.st_mode) && status.st_rdev == 0 ? Found::deletion : Found::other;
}

// A directory where there may be a deletion of what lower layers have: it then hides theirs.
Status need_directory(BorrowedFd parent, const std::string& name, Found found) {
  if (found == Found::directory) return {};
  if (found == Found::deletion) YETT_CHECK(remove_tree(parent, name));
  if (::mkdirat(parent.get(), name.c_str(), 0755) != 0) return fail(errno_error("mkdir", name));
  if (found != Found::deletion) return {};
  const UniqueFd made = open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
  return made.valid() ? hide_below(made.borrow()) : fail(errno_error("open", name));
}

struct Place {
  UniqueFd parent;
  std::string name;  // empty: the root itself
};

// The parent directories are made where they are missing, and count as entries.
Result<Place> find_place(BorrowedFd root, const std::string& path, UnpackBounds& bounds) {
  YETT_TRY(const std::vector<std::string> parts, parts_of(path));
  std::string way;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::string above = way;
    way += (way.empty() ? "" : "/") + parts[i];
    if (open_beneath(root, way, O_PATH | O_DIRECTORY).valid()) continue;
    const UniqueFd directory = open_beneath(root, above, O_PATH | O_DIRECTORY);
    const Found found = directory.valid() ? look_at(directory.borrow(), parts[i]) : Found::other;
    if (found == Found::other)
      return fail(refused(path, "lies below something that is no directory"));
    YETT_CHECK(take_entry(bounds, 0, kOperation));
    YETT_CHECK(need_directory(directory.borrow(), parts[i], found));
  }
  Place place{.parent = open_beneath(root, way, O_RDONLY | O_DIRECTORY),
              .name = parts.empty() ? "" : parts.back()};
  if (!place.parent.valid()) return fail(errno_error("open", way));
  return place;
}

class Unpacker {
 public:
  Unpacker(ArchiveReader& archive, BorrowedFd root, UnpackBounds& bounds)
      : archive_(archive), root_(root), bounds_(bounds) {}

  Status take(const ArchiveEntry& entry, Whiteouts whiteouts) {
    YETT_CHECK(take_entry(bounds_, entry.link.size(), kOperation));
    const auto found = find_place(root_, entry.path, bounds_);
    if (!found) return fail(found.error());
    const Place& place = *found;
    if (whiteouts == Whiteouts::overlay && place.name.starts_with(kWhiteout))
      return white_out(place);
    if (place.name.empty()) return {};
    switch (entry.kind) {
      case EntryKind::directory:
        return make_directory(place, entry);
      case EntryKind::file:
        return write_file(place, entry);
      case EntryKind::symlink:
        return make_symlink(place, entry);
      case EntryKind::hard_link:
        return make_hard_link(place, entry);
      case EntryKind::other:
        ++unpacked_.left_out;  // SECURITY(unpack-no-devices)
        return {};
    }
    return {};
  }
  [[nodiscard]] const Unpacked& unpacked() const { return unpacked_; }

 private:
  // A layer's file that hides what the layers below have; what the layer itself has there stays.
  static Status white_out(const Place& place) {
    if (place.name == kOpaque) return hide_below(place.parent.borrow());
    const std::string hidden = place.name.substr(kWhiteout.size());
    if (hidden.empty() || hidden == "." || hidden == "..")
      return fail(refused(place.name, "is no name of a whiteout"));
    if (hidden.starts_with(kWhiteout)) return {};  // aufs's own business
    const Found found = look_at(place.parent.borrow(), hidden);
    if (found == Found::directory) {
      const UniqueFd inside = open_beneath(place.parent.borrow(), hidden, O_RDONLY | O_DIRECTORY);
      return inside.valid() ? hide_below(inside.borrow()) : fail(errno_error("open", hidden));
    }
    if (found != Found::nothing) return {};
    return make_deletion(place.parent.borrow(), hidden);
  }

  static Status make_directory(const Place& place, const ArchiveEntry& entry) {
    const Found found = look_at(place.parent.borrow(), place.name);
    if (found == Found::other) YETT_CHECK(remove_tree(place.parent.borrow(), place.name));
    YETT_CHECK(need_directory(place.parent.borrow(), place.name, found));
    const UniqueFd made = open_beneath(place.parent.borrow(), place.name, O_RDONLY | O_DIRECTORY);
    if (!made.valid() || ::fchmod(made.get(), kept_mode(entry.mode, entry.kind)) != 0)
      return fail(errno_error("chmod", entry.path));
    return {};
  }

  Status write_file(const Place& place, const ArchiveEntry& entry) {
    YETT_CHECK(remove_tree(place.parent.borrow(), place.name));
    const UniqueFd file(::openat(place.parent.get(), place.name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return fail(errno_error("create", entry.path));
    YETT_CHECK(copy_bytes(file, entry.path));
    if (::fchmod(file.get(), kept_mode(entry.mode, entry.kind)) != 0)
      return fail(errno_error("chmod", entry.path));
    const std::array<struct timespec, 2> times{
        {{.tv_sec = entry.modified, .tv_nsec = 0}, {.tv_sec = entry.modified, .tv_nsec = 0}}};
    ::futimens(file.get(), times.data());
    return {};
  }

  Status copy_bytes(const UniqueFd& file, const std::string& path) {
    std::array<char, 65536> bytes;
    for (;;) {
      YETT_TRY(const std::size_t got, archive_.read(bytes));
      if (got == 0) return {};
      YETT_CHECK(take_bytes(bounds_, got, kOperation));
      unpacked_.bytes += got;
      if (::write(file.get(), bytes.data(), got) != static_cast<ssize_t>(got))
        return fail(errno_error("write", path));
    }
  }

  // Its text may say anything: it is followed inside a sandbox only, never here.
  static Status make_symlink(const Place& place, const ArchiveEntry& entry) {
    YETT_CHECK(remove_tree(place.parent.borrow(), place.name));
    if (::symlinkat(entry.link.c_str(), place.parent.get(), place.name.c_str()) != 0)
      return fail(errno_error("symlink", entry.path));
    return {};
  }

  // To a file that the image has, and by no way that leads out of it.
  Status make_hard_link(const Place& place, const ArchiveEntry& entry) {
    YETT_TRY(const Place target, find_place(root_, entry.link, bounds_));
    struct stat status{};
    if (target.name.empty() ||
        ::fstatat(target.parent.get(), target.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        S_ISDIR(status.st_mode))
      return fail(refused(entry.link, "is hard linked to and is no file of the image"));
    if (target.name == place.name && is_same(target.parent, place.parent)) return {};
    YETT_CHECK(remove_tree(place.parent.borrow(), place.name));
    if (::linkat(target.parent.get(), target.name.c_str(), place.parent.get(), place.name.c_str(),
                 0) != 0)
      return fail(errno_error("link", entry.path));
    return {};
  }

  static bool is_same(const UniqueFd& one, const UniqueFd& other) {
    struct stat first{};
    struct stat second{};
    return ::fstat(one.get(), &first) == 0 && ::fstat(other.get(), &second) == 0 &&
           first.st_ino == second.st_ino;
  }

  ArchiveReader& archive_;
  BorrowedFd root_;
  UnpackBounds& bounds_;
  Unpacked unpacked_;
};

Error too_much(const char* operation, const char* what, std::string mend) {
  return Error{.kind = ErrorKind::exhausted,
               .subject = operation,
               .detail = std::string("there are more ") + what + " than are allowed",
               .mend = std::move(mend)};
}

}  // namespace

// SECURITY(unpack-bounds): neither data nor what comes with it fills the disk.
Status take_bytes(UnpackBounds& bounds, std::uint64_t bytes, const char* operation) {
  if (bytes > bounds.bytes)
    return fail(too_much(operation, "bytes", "raise --max-size if you trust it"));
  bounds.bytes -= bytes;
  return {};
}

Status take_entry(UnpackBounds& bounds, std::uint64_t link_bytes, const char* operation) {
  constexpr std::uint64_t kBlock = 4096;
  if (bounds.entries == 0)
    return fail(too_much(operation, "entries", "two million files are the most"));
  --bounds.entries;
  return take_bytes(bounds, kBlock + link_bytes, operation);
}

Result<Unpacked> unpack_archive(ArchiveReader& archive, BorrowedFd root, Whiteouts whiteouts,
                                UnpackBounds& bounds, const UnpackProgress& progress) {
  Unpacker unpacker(archive, root, bounds);
  for (std::uint64_t entries = 0;; ++entries) {
    YETT_TRY(const std::optional<ArchiveEntry> entry, archive.next());
    if (!entry) return unpacker.unpacked();
    if (progress) progress(entries, unpacker.unpacked().bytes);
    YETT_CHECK(unpacker.take(*entry, whiteouts));
  }
}

Status let_owner_in(BorrowedFd directory) {
  YETT_TRY(const std::vector<std::string> names, names_in(directory));
  for (const std::string& name : names) {
    struct stat status{};
    if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(errno_error("look at", name));
    const bool is_directory = S_ISDIR(status.st_mode);
    if (!is_directory && !S_ISREG(status.st_mode)) continue;
    const mode_t wanted =
        kept_mode(status.st_mode, is_directory ? EntryKind::directory : EntryKind::file);
    if (wanted != (status.st_mode & 07777U) &&
        ::fchmodat(directory.get(), name.c_str(), wanted, 0) != 0)
      return fail(errno_error("chmod", name));
    if (!is_directory) continue;
    const UniqueFd inside = open_beneath(directory, name, O_RDONLY | O_DIRECTORY);
    if (!inside.valid()) return fail(errno_error("open", name));
    YETT_CHECK(let_owner_in(inside.borrow()));
  }
  return {};
}

}  // namespace yett
