// The files of an image that is being imported, below a directory that a stranger filled and, where
// it is the stranger's own, may still write to. What was hashed is what is used.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// At its beginning. Nobody else can write to it any more.
struct HashedFile {
  UniqueFd file;
  std::string digest;  // sha256, 64 hexadecimal digits
};

// A copy without a name in the directory `into`, hashed while it is made. `name` is for errors.
// Errors: it is longer than `most` bytes.
[[nodiscard]] Result<HashedFile> copy_and_hash(const UniqueFd& from, const std::string& name,
                                               const std::string& into, std::uint64_t most);

// Of all that is left to read.
[[nodiscard]] Result<std::string> hash_file(const UniqueFd& from, const std::string& name);

class ImageFiles {
 public:
  // Preconditions: nobody but us can write below `directory`, which outlives this.
  [[nodiscard]] static ImageFiles of_ours(BorrowedFd directory) {
    return {directory, {}, UINT64_MAX};
  }
  // What is read more than once is copied into the directory `into`, if it has `most` bytes at
  // most.
  [[nodiscard]] static ImageFiles of_strangers(BorrowedFd directory, std::string into,
                                               std::uint64_t most) {
    return {directory, std::move(into), most};
  }

  [[nodiscard]] bool has(const char* name) const;
  // The whole of a short file. Errors: it is longer than 4 MiB, no regular file, or behind a link.
  [[nodiscard]] Result<std::string> read_text(const std::string& path) const;
  [[nodiscard]] Result<HashedFile> open(const std::string& path) const;
  // Of an OCI layout: "sha256:HEX". Error: its content is not what this says.
  [[nodiscard]] Result<HashedFile> open_blob(const std::string& digest) const;
  [[nodiscard]] Result<std::string> read_blob(const std::string& digest) const;

 private:
  ImageFiles(BorrowedFd directory, std::string copies, std::uint64_t most)
      : directory_(directory), copies_(std::move(copies)), most_(most) {}

  BorrowedFd directory_;
  std::string copies_;  // a directory; empty: none are needed
  std::uint64_t most_;
};

// "sha256:HEX" as HEX. Error: it is none.
[[nodiscard]] Result<std::string> hex_of_digest(const std::string& digest);

}  // namespace yett
