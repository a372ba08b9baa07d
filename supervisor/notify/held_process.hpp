// A process, or a thread of one, that stands still under ptrace(2): of its own code nothing runs,
// and it is made to carry out system calls. Whoever holds it traces it: one thread, for as long as
// it is held. Source: ptrace(2).
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

// Of calls that a held process is made to carry out: its filter does not see them
// (PTRACE_O_SUSPEND_SECCOMP, which takes CAP_SYS_ADMIN), or looks at them as at any others.
enum class FilterOfHeld { rests, holds };

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
        born_(other.born_),
        signal_(other.signal_),
        is_told_to_stop_(other.is_told_to_stop_) {}
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
  // It stopped on its way to a handler.
  [[nodiscard]] bool is_taking_signal() const { return signal_ != 0; }
  // From here on it dies with the calling thread, and signals wait.
  // Preconditions: await_stop(), and it stands behind a system call.
  [[nodiscard]] Status hold(FilterOfHeld filter = FilterOfHeld::rests);
  // Preconditions of the rest: hold(), or it was born of one that is held.

  // What it returns. Error: its errno, with `name`; target_gone: it has died.
  [[nodiscard]] Result<std::uint64_t> call(const char* name, long number,
                                           const Arguments& arguments = {});
  // It executes a program, and goes on as that one: nobody holds it then. Error: its errno, and it
  // stands where it stood. Preconditions: hold(FilterOfHeld::holds); the calling thread has no
  // child.
  [[nodiscard]] Status execute(const Arguments& arguments);
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
  [[nodiscard]] Status begin(const char* name, long number, const Arguments& arguments) const;
  // How it stopped. `waited_for`: it, or whoever is traced.
  [[nodiscard]] Result<int> step_once(const char* name, int waited_for);
  // Nothing: it has not come to its end.
  [[nodiscard]] Result<std::optional<user_regs_struct>> look_behind(const char* name,
                                                                    int status) const;
  [[nodiscard]] Status become_program();
  [[nodiscard]] Status set_mask(std::uint64_t mask) const;

  int pid_ = 0;
  user_regs_struct stands_{};
  std::optional<std::uint64_t> mask_;  // its own of signals, while another one is in force
  int born_ = 0;
  int signal_ = 0;
  bool is_told_to_stop_ = false;  // while it was held
};

}  // namespace yett
