// The confinement of the image reader. Hand-written BPF: it is a dozen numbers, and libseccomp
// takes longer to generate them than the reader takes to run.
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "sandbox/package/confined_reader.hpp"

// A sanitizer's run-time maps memory, opens pipes and reads /proc on its own: there the filter and
// the limits on memory and fds would only tell of the sanitizer. Every other step stays.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define YETT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define YETT_SANITIZED 1
#endif
#endif

namespace yett {
namespace {

constexpr std::uint32_t offset_of_low_half(unsigned argument) {
  return static_cast<std::uint32_t>(offsetof(struct seccomp_data, args) + argument * 8);
}

constexpr struct sock_filter load(std::uint32_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
constexpr struct sock_filter answer_with(std::uint32_t action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}
constexpr struct sock_filter jump(std::uint16_t test, std::uint32_t value, std::uint8_t if_true,
                                  std::uint8_t if_false) {
  return BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), value, if_true, if_false);
}

// Numbers allowed whatever their arguments: they reach only the two open fds and own memory.
constexpr std::array kAllowed{
    SYS_pread64, SYS_read,       SYS_write, SYS_munmap,       SYS_mremap,    SYS_brk,  SYS_madvise,
    SYS_futex,   SYS_exit_group, SYS_exit,  SYS_rt_sigreturn, SYS_getrandom, SYS_lseek};

[[maybe_unused]] bool install_filter(RefusedCall refused) {
  // architecture; each number; then mprotect and mmap, which may make nothing executable
  std::array<struct sock_filter, 4 + kAllowed.size() * 2 + 10> program{};
  std::size_t length = 0;
  const auto add = [&](struct sock_filter instruction) { program[length++] = instruction; };
  add(load(offsetof(struct seccomp_data, arch)));
  add(jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0));
  add(answer_with(SECCOMP_RET_KILL_PROCESS));
  add(load(offsetof(struct seccomp_data, nr)));  // x32 numbers have bit 30, so none is equal below
  for (const long number : kAllowed) {
    add(jump(BPF_JEQ, static_cast<std::uint32_t>(number), 0, 1));
    add(answer_with(SECCOMP_RET_ALLOW));
  }
  add(jump(BPF_JEQ, SYS_mprotect, 0, 2));
  add(load(offset_of_low_half(2)));
  add(jump(BPF_JSET, PROT_EXEC, 5, 6));
  add(jump(BPF_JEQ, SYS_mmap, 0, 4));
  add(load(offset_of_low_half(2)));
  add(jump(BPF_JSET, PROT_EXEC, 2, 0));
  add(load(offset_of_low_half(3)));
  add(jump(BPF_JSET, MAP_ANONYMOUS, 1, 0));
  add(answer_with(refused == RefusedCall::kills ? SECCOMP_RET_KILL_PROCESS
                                                : SECCOMP_RET_ERRNO | EPERM));
  add(answer_with(SECCOMP_RET_ALLOW));
  const struct sock_fprog filter{.len = static_cast<unsigned short>(length),
                                 .filter = program.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

bool limit(__rlimit_resource resource, rlim_t value) {
  struct rlimit wanted{.rlim_cur = value, .rlim_max = value};
  struct rlimit now{};
  if (::getrlimit(resource, &now) != 0) return false;
  wanted.rlim_cur = wanted.rlim_max = std::min(value, now.rlim_max);
  return ::setrlimit(resource, &wanted) == 0;
}

bool apply_limits(ReaderBounds bounds) {
#ifndef YETT_SANITIZED
  if (!limit(RLIMIT_AS, 2 * bounds.memory_bytes) || !limit(RLIMIT_DATA, bounds.memory_bytes))
    return false;
  if (!limit(RLIMIT_NOFILE, 0)) return false;
#endif
  return limit(RLIMIT_CPU, bounds.cpu_seconds) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0);
}

bool drop_capabilities() {
  struct __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<struct __user_cap_data_struct, 2> none{};
  return ::syscall(SYS_capset, &header, none.data()) == 0;
}

bool close_all_but(int one, int other) {
  const auto low = static_cast<unsigned>(std::min(one, other));
  const auto high = static_cast<unsigned>(std::max(one, other));
  const auto close_between = [](unsigned first, unsigned last) {
    return first > last || ::syscall(SYS_close_range, first, last, 0U) == 0;
  };
  return (low == 0 || close_between(0, low - 1)) && close_between(low + 1, high - 1) &&
         close_between(high + 1, ~0U);
}

}  // namespace

bool confine_reader(BorrowedFd image, BorrowedFd answer, ReaderBounds bounds) {
  // SECURITY(image_reader_confined): a reader taken over by a hostile image holds nothing, reaches
  // nothing and ends soon.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) return false;
  if (!close_all_but(image.get(), answer.get()) || !apply_limits(bounds)) return false;
  if (!drop_capabilities() || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
#ifdef YETT_SANITIZED
  return true;
#else
  return install_filter(bounds.refused);
#endif
}

}  // namespace yett
