// PID 1's own filter: what watching one app takes, and nothing else.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "sandbox/launch/child_context.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kAllowedCalls[] = {
    SYS_poll,        SYS_wait4,   SYS_read,  SYS_recvmsg,    SYS_sendmsg,         SYS_kill,
    SYS_close_range, SYS_pread64, SYS_close, SYS_exit_group, SYS_restart_syscall, SYS_rt_sigreturn,
};
constexpr std::size_t kCalls = std::size(kAllowedCalls);

constexpr sock_filter statement(std::uint16_t code, std::uint32_t k) {
  return {.code = code, .jt = 0, .jf = 0, .k = k};
}
constexpr sock_filter jump_if_equal(std::uint32_t value, std::size_t if_true,
                                    std::size_t if_false) {
  return {.code = BPF_JMP | BPF_JEQ | BPF_K,
          .jt = static_cast<std::uint8_t>(if_true),
          .jf = static_cast<std::uint8_t>(if_false),
          .k = value};
}

// load arch; wrong: kill. load nr; one comparison a call; none: kill; allow.
constexpr std::array<sock_filter, kCalls + 5> make_program() {
  std::array<sock_filter, kCalls + 5> program{};
  program[0] = statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  program[1] = jump_if_equal(AUDIT_ARCH_X86_64, 0, kCalls + 1);
  program[2] = statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (std::size_t i = 0; i < kCalls; ++i)
    program[3 + i] = jump_if_equal(kAllowedCalls[i], kCalls - i, 0);
  program[3 + kCalls] = statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  program[4 + kCalls] = statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  return program;
}

constexpr auto kProgram = make_program();

// A sanitizer's run-time makes calls of its own in every process, at times that nobody chose.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kRestricted = false;
#else
constexpr bool kRestricted = true;
#endif

}  // namespace

ChildResult restrict_init() {
  if (!kRestricted) return kDone;
  const sock_fprog program{.len = kProgram.size(),
                           .filter = const_cast<sock_filter*>(kProgram.data())};
  return from_libc(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

}  // namespace yett
