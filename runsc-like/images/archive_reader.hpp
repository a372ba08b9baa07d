// An archive as a stream of entries. It is parsed in a child process that can do nothing but read
// the archive and answer: whoever takes the parser over holds no privilege, no file and no way to
// any, and what it answers is as untrusted as the archive.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "sandbox/package/archive_entry.hpp"

namespace yett {

class ArchiveReader {
 public:
  // `name` is for errors. Forks. Preconditions: no other thread.
  [[nodiscard]] static Result<ArchiveReader> open(UniqueFd file, std::string name);
  // The same of a squashfs image. Neither asks the kernel to parse it.
  [[nodiscard]] static Result<ArchiveReader> open_squashfs(UniqueFd file, std::string name);
  // Of a parser that writes its messages (archive_message.hpp) to the other end of `answers`; after
  // `longest` it is not listened to any more.
  [[nodiscard]] static ArchiveReader of_parser(ChildProcess parser, UniqueFd answers,
                                               std::string name, std::chrono::milliseconds longest);

  // Nothing: the end. Errors: it is no archive that is known, or is damaged.
  [[nodiscard]] Result<std::optional<ArchiveEntry>> next();
  // Bytes of the current file; 0: its end.
  [[nodiscard]] Result<std::size_t> read(std::span<char> bytes);

 private:
  ArchiveReader(std::string name, ChildProcess parser, UniqueFd answers,
                std::chrono::steady_clock::time_point until)
      : name_(std::move(name)),
        parser_(std::move(parser)),
        answers_(std::move(answers)),
        until_(until) {}
  // Tells all of the file to `answers`, in the confined child.
  using Parse = Status (*)(BorrowedFd file, const std::string& name, int answers);
  [[nodiscard]] static Result<ArchiveReader> start(UniqueFd file, std::string name, Parse parse);
  [[nodiscard]] Status await_answer() const;
  [[nodiscard]] Status read_whole(void* into, std::size_t size);
  [[nodiscard]] Result<std::uint32_t> next_message(std::uint32_t& size);
  [[nodiscard]] Result<std::string> read_text(std::uint32_t size);
  [[nodiscard]] Error broken_off() const;

  std::string name_;
  ChildProcess parser_;
  UniqueFd answers_;
  std::chrono::steady_clock::time_point until_;
  std::uint32_t bytes_left_ = 0;  // of the data message that is being read
  bool entry_waits_ = false;      // the header of the next entry's message was read already
  std::uint32_t waiting_size_ = 0;
  bool has_data_ = false;  // the last entry is a file
  bool ended_ = false;
};

// Gives up everything that a parser does not need, for good: identity, capabilities, descriptors
// but two, system calls but a dozen, memory and time without end. False when a step failed. For
// tests, too.
[[nodiscard]] bool confine_archive_parser(BorrowedFd archive, BorrowedFd answers);

}  // namespace yett
