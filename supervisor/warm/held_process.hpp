// A process that stands still under ptrace(2): of its own code nothing runs, and it is made to
// carry out system calls, which its filter does not see (PTRACE_O_SUSPEND_SECCOMP). Whoever holds
// it traces it: one thread, for as long as it is held. Source: ptrace(2).
#pragma once

#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "base/result.hpp"

namespace yett {

class HeldProcess {
 public:
  using Arguments = std::array<std::uint64_t, 6>;

  // Seized, and running still. EPERM: somebody else traces it.
  [[nodiscard]] static Result<HeldProcess> seize(int pid);
  // Born of a held process by a call of its own: it stands, or is about to, where that one stands.
  HeldProcess(int pid, const HeldProcess& made_by)
      : pid_(pid), stands_(made_by.stands_), mask_(made_by.mask_) {}
  HeldProcess(HeldProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)),
        stands_(other.stands_),
        mask_(other.mask_),
        born_(other.born_) {}
  HeldProcess& operator=(HeldProcess&&) = delete;
  HeldProcess(const HeldProcess&) = delete;
  HeldProcess& operator=(const HeldProcess&) = delete;
  ~HeldProcess() { kill(); }
  // And waits until it is dead.
  void kill();

  [[nodiscard]] int pid() const { return pid_; }
  // Where it was stopped: behind the call that it was in.
  [[nodiscard]] const user_regs_struct& stands() const { return stands_; }

  // It stops before the next instruction of its own; await_stop() waits for that.
  void interrupt() const;
  [[nodiscard]] Status await_stop();
  // From here on it dies with the calling thread, its filter rests, and signals wait.
  // Preconditions: await_stop(), and it stands behind a system call.
  [[nodiscard]] Status hold();
  // Preconditions of the rest: hold(), or it was born of one that is held.

  // What it returns. Error: its errno, with `name`; target_gone: it has died.
  [[nodiscard]] Result<std::uint64_t> call(const char* name, long number,
                                           const Arguments& arguments = {});
  // Of a call that makes a process: its number.
  [[nodiscard]] int born() const { return born_; }
  [[nodiscard]] Status read(std::uint64_t address, std::span<std::byte> into) const;
  [[nodiscard]] Status write(std::uint64_t address, std::span<const std::byte> from) const;
  // It goes on behind the call that it was stopped in, which returns `result`; its filter holds
  // again, signals come, and nobody traces it.
  [[nodiscard]] Status let_go(std::int64_t result);
  // It goes on as if it had never been stopped. Precondition: await_stop().
  [[nodiscard]] Status let_go_on();

 private:
  explicit HeldProcess(int pid) : pid_(pid) {}
  // The registers behind the call.
  [[nodiscard]] Result<user_regs_struct> step(const char* name);
  [[nodiscard]] Status set_mask(std::uint64_t mask) const;

  int pid_ = 0;
  user_regs_struct stands_{};
  std::optional<std::uint64_t> mask_;  // its own of signals, while another one is in force
  int born_ = 0;
};

}  // namespace yett
