// Owners for libsquashfs's objects, and the file that it writes to.
#pragma once

#include <sqfs/io.h>
#include <sqfs/predef.h>

#include <cstdint>
#include <memory>

#include "base/unique_fd.hpp"

namespace yett {

struct SqfsDestroy {
  void operator()(void* object) const { sqfs_destroy(object); }
};
template <typename Object>
using SqfsOwner = std::unique_ptr<Object, SqfsDestroy>;

struct SqfsFree {
  void operator()(void* memory) const { sqfs_free(memory); }
};
using SqfsInodeOwner = std::unique_ptr<sqfs_inode_generic_t, SqfsFree>;

// The output file as libsquashfs sees it; keeps the errno that the library would swallow.
class SqfsOutput {
 public:
  explicit SqfsOutput(BorrowedFd fd);
  SqfsOutput(const SqfsOutput&) = delete;
  SqfsOutput& operator=(const SqfsOutput&) = delete;

  [[nodiscard]] sqfs_file_t* file() { return &self_.base; }
  [[nodiscard]] std::uint64_t size() const { return self_.size; }
  [[nodiscard]] int last_errno() const { return self_.last_errno; }
  // Fills up with zeros to a multiple of `unit`.
  [[nodiscard]] bool pad_to(std::uint64_t unit);

 private:
  struct Self {
    sqfs_file_t base{};  // first, for the library hands back its address
    BorrowedFd fd;
    std::uint64_t size = 0;
    int last_errno = 0;
  };
  static int read_at(sqfs_file_t* file, sqfs_u64 offset, void* buffer, std::size_t size);
  static int write_at(sqfs_file_t* file, sqfs_u64 offset, const void* buffer, std::size_t size);
  static int truncate(sqfs_file_t* file, sqfs_u64 size);

  Self self_;
};

}  // namespace yett
