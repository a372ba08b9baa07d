// Runs an image reader in a child that can do nothing but read the image and answer: no
// capabilities, no new privileges, no fd but two, a dozen system calls, bounded memory and time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "sandbox/package/image_file.hpp"
#include "sandbox/package/image_reader.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

// The answer for the file `name` of the image. Errors: the image made its reader crash, or go on
// without end; the host could not fork. A refusal is an answer.
[[nodiscard]] Result<ReadAnswer> read_confined(const ImageFile& image, ImageKind kind,
                                               std::string_view name, std::size_t limit);

// What a reader may take, and what becomes of a call that it may not make: a library that has other
// ways when a file cannot be opened is told so, our own code never makes one.
enum class RefusedCall { kills, fails };
struct ReaderBounds {
  std::uint64_t cpu_seconds = 2;
  std::uint64_t memory_bytes = 256U << 20;
  RefusedCall refused = RefusedCall::kills;
};

// Confines the calling process for good, keeping the fds `image` (readable) and `answer`
// (writable). False when any step failed: the caller then leaves without reading. For other readers
// of a stranger's bytes, and for tests, too.
[[nodiscard]] bool confine_reader(BorrowedFd image, BorrowedFd answer, ReaderBounds bounds = {});

}  // namespace yett
