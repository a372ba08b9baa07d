// Random access to the bytes of an image, wherever they are: a file when a package is read, memory
// when a reader is fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/unique_fd.hpp"

namespace yett {

class ImageBytes {
 public:
  virtual ~ImageBytes() = default;
  // Fills `into` from `offset`; false where the image ends sooner or the disk fails.
  [[nodiscard]] virtual bool read_at(std::uint64_t offset, std::span<std::byte> into) const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
};

class FileBytes final : public ImageBytes {
 public:
  FileBytes(BorrowedFd fd, std::uint64_t size) : fd_(fd), size_(size) {}
  [[nodiscard]] bool read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  [[nodiscard]] std::uint64_t size() const override { return size_; }

 private:
  BorrowedFd fd_;
  std::uint64_t size_;
};

class MemoryBytes final : public ImageBytes {
 public:
  explicit MemoryBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace yett
