// Runs an image reader in a child that can do nothing but read the image and answer: no
// capabilities, no new privileges, no fd but two, a dozen system calls, bounded memory and time.
#pragma once

#include <cstddef>
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

// Confines the calling process for good, keeping the fds `image` (readable) and `answer`
// (writable). False when any step failed: the caller then leaves without reading. For tests, too.
[[nodiscard]] bool confine_reader(BorrowedFd image, BorrowedFd answer);

}  // namespace yett
