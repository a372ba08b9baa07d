#include "ioctl_uapi/own_code.hpp"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

extern "C" {
// Made by the linker: the first byte of the program.
extern const char yett_program_begin[] __asm__("__ehdr_start")
    __attribute__((visibility("hidden")));
}

namespace yett {
namespace {

constexpr std::uintptr_t kPage = 4096;

// A writable part would lose what the loader has relocated in it.
bool is_read_only(const ElfW(Phdr) & part) {
  return part.p_type == PT_LOAD && (part.p_flags & PF_W) == 0;
}

// Below what is in use now; the kernel passes over what is no stack.
void forget_old_stack() {
  constexpr std::uintptr_t kDeepest = 256 * 1024;
  constexpr std::uintptr_t kRedZone = 256;
  const auto now = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t end = (now - kRedZone - kPage) & ~(kPage - 1);
  ::madvise(reinterpret_cast<void*>(end - kDeepest), kDeepest, MADV_DONTNEED);
}

}  // namespace

void forget_own_code() {
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(yett_program_begin);
  if (header->e_type != ET_DYN) return;
  const auto* parts = reinterpret_cast<const ElfW(Phdr)*>(yett_program_begin + header->e_phoff);
  const auto base = reinterpret_cast<std::uintptr_t>(yett_program_begin);
  const int before = errno;
  for (int i = 0; i < header->e_phnum; ++i) {
    if (!is_read_only(parts[i])) continue;
    const std::uintptr_t begin = (base + parts[i].p_vaddr) & ~(kPage - 1);
    const std::uintptr_t end =
        (base + parts[i].p_vaddr + parts[i].p_filesz + kPage - 1) & ~(kPage - 1);
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  forget_old_stack();
  errno = before;
}

}  // namespace yett
