// Memory of the calling process that nobody provides until one says so: whoever touches it, from
// this process or another, waits in the kernel. userfaultfd(2), through /dev/userfaultfd, which
// only root may open: to be opened before the process gives up what it is.
#pragma once

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "base/unique_fd.hpp"

namespace yett::test {

inline UniqueFd open_stalled_memory_device() {
  return UniqueFd(::open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
}

class StalledMemory {
 public:
  static constexpr std::size_t kSize = 4096;

  // In the process whose memory it is.
  explicit StalledMemory(const UniqueFd& device)
      : faults_(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC)),
        page_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    uffdio_api api{};
    api.api = UFFD_API;
    uffdio_register range{};
    range.range = {reinterpret_cast<std::uint64_t>(page_), kSize};
    range.mode = UFFDIO_REGISTER_MODE_MISSING;
    works_ = ::ioctl(faults_.get(), UFFDIO_API, &api) == 0 &&
             ::ioctl(faults_.get(), UFFDIO_REGISTER, &range) == 0;
  }
  StalledMemory(const StalledMemory&) = delete;
  StalledMemory& operator=(const StalledMemory&) = delete;
  ~StalledMemory() { ::munmap(page_, kSize); }

  [[nodiscard]] bool works() const { return works_; }
  [[nodiscard]] void* page() const { return page_; }
  // Zeroes; whoever waited goes on.
  void provide() const {
    uffdio_zeropage range{};
    range.range = {reinterpret_cast<std::uint64_t>(page_), kSize};
    ::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &range);
  }

 private:
  UniqueFd faults_;
  void* page_;
  bool works_ = false;
};

}  // namespace yett::test
