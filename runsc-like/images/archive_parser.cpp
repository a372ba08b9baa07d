#include "runsc-like/images/archive_parser.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

namespace yett {
namespace {

EntryKind kind_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return EntryKind::hard_link;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return EntryKind::file;
    case AE_IFDIR:
      return EntryKind::directory;
    case AE_IFLNK:
      return EntryKind::symlink;
    default:
      return EntryKind::other;
  }
}

std::string text(const char* bytes) { return bytes == nullptr ? "" : bytes; }

// Names that were written as UTF-8 have no other form in the locale "C".
std::string path_of(archive_entry* entry) {
  const char* path = archive_entry_pathname(entry);
  return text(path != nullptr ? path : archive_entry_pathname_utf8(entry));
}

}  // namespace

Error ArchiveParser::error() const {
  return request_error(
      name_, "cannot be read as an archive: " + text(archive_error_string(handle_.get())));
}

Result<ArchiveParser> ArchiveParser::open(BorrowedFd file, std::string name) {
  Handle handle(archive_read_new(), archive_read_free);
  if (!handle) return fail(Error{.kind = ErrorKind::exhausted, .subject = name});
  archive_read_support_format_tar(handle.get());
  archive_read_support_format_zip(handle.get());
  archive_read_support_filter_gzip(handle.get());
  archive_read_support_filter_bzip2(handle.get());
  archive_read_support_filter_xz(handle.get());
  archive_read_support_filter_zstd(handle.get());
  constexpr std::size_t kBlock = 65536;
  auto input = std::make_unique<Input>(Input{.fd = file.get(), .block = std::string(kBlock, '\0')});
  archive_read_set_callback_data(handle.get(), input.get());
  // Reading and seeking only: archive_read_open_fd would ask for more system calls.
  archive_read_set_read_callback(handle.get(), [](struct archive*, void* data, const void** block) {
    auto* from = static_cast<Input*>(data);
    *block = from->block.data();
    return static_cast<la_ssize_t>(::read(from->fd, from->block.data(), from->block.size()));
  });
  archive_read_set_seek_callback(
      handle.get(), [](struct archive*, void* data, la_int64_t offset, int whence) {
        return static_cast<la_int64_t>(::lseek(static_cast<Input*>(data)->fd, offset, whence));
      });
  const int opened = archive_read_open1(handle.get());
  ArchiveParser parser(std::move(input), std::move(name), std::move(handle));
  if (opened != ARCHIVE_OK) return fail(parser.error());
  return parser;
}

Result<std::optional<ArchiveEntry>> ArchiveParser::next() {
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(handle_.get(), &entry);
  if (result == ARCHIVE_EOF) return std::nullopt;
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return fail(error());
  ArchiveEntry found{.path = path_of(entry),
                     .kind = kind_of(entry),
                     .link = {},
                     .mode = archive_entry_perm(entry),
                     .modified = archive_entry_mtime(entry)};
  if (found.kind == EntryKind::hard_link) found.link = text(archive_entry_hardlink(entry));
  if (found.kind == EntryKind::symlink) found.link = text(archive_entry_symlink(entry));
  return found;
}

Result<std::size_t> ArchiveParser::read(std::span<char> bytes) {
  const la_ssize_t got = archive_read_data(handle_.get(), bytes.data(), bytes.size());
  if (got < 0) return fail(error());
  return static_cast<std::size_t>(got);
}

}  // namespace yett
