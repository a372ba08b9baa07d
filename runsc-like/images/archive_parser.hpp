// The parsing of archives: tar and zip, compressed or not. The only user of libarchive, and of its
// reading half only. Runs in the confined child of archive_reader.cpp.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/package/archive_entry.hpp"

struct archive;

namespace yett {

class ArchiveParser {
 public:
  // `name` is for errors. Error: it is no archive that is known.
  [[nodiscard]] static Result<ArchiveParser> open(BorrowedFd file, std::string name);

  // Nothing: the end.
  [[nodiscard]] Result<std::optional<ArchiveEntry>> next();
  // Bytes of the current file; 0: its end.
  [[nodiscard]] Result<std::size_t> read(std::span<char> bytes);

 private:
  using Handle = std::unique_ptr<struct archive, int (*)(struct archive*)>;
  // What the library's callbacks work with; it has a place of its own.
  struct Input {
    int fd = -1;
    std::string block;
  };
  ArchiveParser(std::unique_ptr<Input> input, std::string name, Handle handle)
      : input_(std::move(input)), name_(std::move(name)), handle_(std::move(handle)) {}
  [[nodiscard]] Error error() const;
  std::unique_ptr<Input> input_;
  std::string name_;
  Handle handle_;
};

}  // namespace yett
