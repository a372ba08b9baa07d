// An archive as a stream of entries: tar and zip, compressed or not. The only user of libarchive,
// and of its reading half only. What it tells is a stranger's word: names are checked by unpack.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

struct archive;

namespace yett {

enum class EntryKind { file, directory, symlink, hard_link, other };

struct ArchiveEntry {
  std::string path;
  EntryKind kind = EntryKind::other;
  std::string link;  // of a symlink its text, of a hard link the path of what it is one to
  std::uint32_t mode = 0;
  std::int64_t modified = 0;  // seconds since 1970
};

class ArchiveReader {
 public:
  // `name` is for errors. Error: it is no archive that is known.
  [[nodiscard]] static Result<ArchiveReader> open(UniqueFd file, std::string name);

  // Nothing: the end.
  [[nodiscard]] Result<std::optional<ArchiveEntry>> next();
  // Bytes of the current file; 0: its end.
  [[nodiscard]] Result<std::size_t> read(std::span<char> bytes);

 private:
  using Handle = std::unique_ptr<struct archive, int (*)(struct archive*)>;
  ArchiveReader(UniqueFd file, std::string name, Handle handle)
      : file_(std::move(file)), name_(std::move(name)), handle_(std::move(handle)) {}
  [[nodiscard]] Error error() const;
  UniqueFd file_;
  std::string name_;
  Handle handle_;
};

}  // namespace yett
