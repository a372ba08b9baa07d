#include "runsc-like/images/archive_reader.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

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

}  // namespace

Error ArchiveReader::error() const {
  return request_error(
      name_, "cannot be read as an archive: " + text(archive_error_string(handle_.get())));
}

Result<ArchiveReader> ArchiveReader::open(UniqueFd file, std::string name) {
  Handle handle(archive_read_new(), archive_read_free);
  if (!handle) return fail(Error{.kind = ErrorKind::exhausted, .subject = name});
  archive_read_support_format_tar(handle.get());
  archive_read_support_format_zip(handle.get());
  archive_read_support_filter_gzip(handle.get());
  archive_read_support_filter_bzip2(handle.get());
  archive_read_support_filter_xz(handle.get());
  archive_read_support_filter_zstd(handle.get());
  constexpr std::size_t kBlock = 65536;
  const int opened = archive_read_open_fd(handle.get(), file.get(), kBlock);
  ArchiveReader reader(std::move(file), std::move(name), std::move(handle));
  if (opened != ARCHIVE_OK) return fail(reader.error());
  return reader;
}

Result<std::optional<ArchiveEntry>> ArchiveReader::next() {
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(handle_.get(), &entry);
  if (result == ARCHIVE_EOF) return std::nullopt;
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return fail(error());
  ArchiveEntry found{.path = text(archive_entry_pathname(entry)),
                     .kind = kind_of(entry),
                     .link = {},
                     .mode = archive_entry_perm(entry),
                     .modified = archive_entry_mtime(entry)};
  if (found.kind == EntryKind::hard_link) found.link = text(archive_entry_hardlink(entry));
  if (found.kind == EntryKind::symlink) found.link = text(archive_entry_symlink(entry));
  return found;
}

Result<std::size_t> ArchiveReader::read(std::span<char> bytes) {
  const la_ssize_t got = archive_read_data(handle_.get(), bytes.data(), bytes.size());
  if (got < 0) return fail(error());
  return static_cast<std::size_t>(got);
}

}  // namespace yett
