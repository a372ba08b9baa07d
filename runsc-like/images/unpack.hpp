// Writing an archive's entries below a directory. Every step is by descriptor and stays beneath it,
// whatever the archive calls its entries and whichever links it has made on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/images/archive_reader.hpp"

namespace yett {

// How much may still be unpacked; counted down over all archives of an image. Of an entry all
// counts that takes space: its data, a block for itself, the text of a link.
struct UnpackBounds {
  std::uint64_t bytes = std::uint64_t{16} << 30;
  std::uint64_t entries = 2'000'000;
};
// Errors: there is no more of it; `operation` is who asks.
[[nodiscard]] Status take_bytes(UnpackBounds& bounds, std::uint64_t bytes, const char* operation);
[[nodiscard]] Status take_entry(UnpackBounds& bounds, std::uint64_t link_bytes,
                                const char* operation);

// What ".wh.NAME" in an archive means: nothing, or, in a layer, that NAME of the layers below is
// deleted; this is kept as overlayfs has it.
enum class Whiteouts { plain_files, overlay };

struct Unpacked {
  std::uint64_t bytes = 0;
  std::uint64_t left_out = 0;  // devices, pipes and sockets
};

// Called for each entry, with how many bytes of files there were before it.
using UnpackProgress = std::function<void(std::uint64_t entries, std::uint64_t bytes)>;

// Owners are not kept: everything is the caller's, and one who is not root may read all files and
// change all directories, for it is bound by their rights. Set-id bits are not kept either. Errors:
// a name that is absolute, too long or too deep, or leads out, or through a link; more than the
// bounds.
[[nodiscard]] Result<Unpacked> unpack_archive(ArchiveReader& archive, BorrowedFd root,
                                              Whiteouts whiteouts, UnpackBounds& bounds,
                                              const UnpackProgress& progress = {});

// The same for what another program has unpacked, which runs no more.
[[nodiscard]] Status let_owner_in(BorrowedFd directory);

}  // namespace yett
