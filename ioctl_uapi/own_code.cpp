#include "ioctl_uapi/own_code.hpp"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

extern "C" {
// Made by the linker: the first byte of the program.
extern const char yett_program_begin[] __asm__("__ehdr_start")
    __attribute__((visibility("hidden")));
// The C library's: where the program's words begin, above all frames.
extern void* __libc_stack_end;  // NOLINT(bugprone-reserved-identifier)
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

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

constexpr std::uintptr_t page_below(std::uintptr_t address) { return address & ~(kPage - 1); }
constexpr std::uintptr_t page_above(std::uintptr_t address) {
  return page_below(address + kPage - 1);
}

constexpr std::uintptr_t kEndOfMemory = 0x7ffffffff000;  // x86-64, unless more is asked for
constexpr std::uintptr_t kStackRoom = 64 * 1024;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCanUnmap = false;  // its run-time's memory is in use
#else
constexpr bool kCanUnmap = true;
#endif

// The program, the thread's block (below it its own variables), the stack.
std::array<Range, 3> needed_ranges(const ElfW(Ehdr) & header) {
  constexpr std::uintptr_t kThreadBlock = 8 * 1024;  // errno's thread pointer, rseq(2)'s area
  const auto* parts = reinterpret_cast<const ElfW(Phdr)*>(yett_program_begin + header.e_phoff);
  const auto base = reinterpret_cast<std::uintptr_t>(yett_program_begin);
  const auto thread = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
  const auto stack = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  std::array<Range, 3> needed{{{base, base},
                               {page_below(thread - kPage), page_above(thread + kThreadBlock)},
                               {page_below(stack - kStackRoom), kEndOfMemory}}};
  for (int i = 0; i < header.e_phnum; ++i) {
    const ElfW(Phdr)& part = parts[i];
    if (part.p_type == PT_LOAD)
      needed[0].end = std::max(needed[0].end, page_above(base + part.p_vaddr + part.p_memsz));
    if (part.p_type == PT_TLS)
      needed[1].begin = page_below(thread - page_above(part.p_memsz + part.p_align));
  }
  std::ranges::sort(needed, {}, &Range::begin);
  return needed;
}

// Of a program that is not static, as tests are: its C library lies elsewhere.
bool has_libraries(const ElfW(Ehdr) & header) {
  const auto* parts = reinterpret_cast<const ElfW(Phdr)*>(yett_program_begin + header.e_phoff);
  return std::any_of(parts, parts + header.e_phnum,
                     [](const ElfW(Phdr) & part) { return part.p_type == PT_INTERP; });
}

}  // namespace

void keep_only_own_program() {
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(yett_program_begin);
  if (!kCanUnmap || header->e_type != ET_DYN || has_libraries(*header)) return;
  const int before = errno;
  std::uintptr_t from = kPage;
  for (const Range& each : needed_ranges(*header)) {
    if (each.begin > from) ::munmap(reinterpret_cast<void*>(from), each.begin - from);
    from = std::max(from, each.end);
  }
  errno = before;
}

void forget_callers(const void* frame) {
  constexpr std::uintptr_t kDeepest = 1024 * 1024;
  constexpr std::uintptr_t kSavedWords = 2 * sizeof(void*);  // the caller's frame, the way back
  const std::uintptr_t begin = page_above(reinterpret_cast<std::uintptr_t>(frame) + kSavedWords);
  const std::uintptr_t end = page_below(reinterpret_cast<std::uintptr_t>(__libc_stack_end));
  if (!kCanUnmap || begin >= end || end - begin > kDeepest) return;
  const int before = errno;
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  errno = before;
}

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
