// A child of ours, killed and reaped unless released.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(int pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() { kill_and_reap(); }

  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] BorrowedFd pidfd() const { return pidfd_.borrow(); }

  // Idempotent. For PID 1 of a pid namespace this ends every process in it, and returns when they
  // are gone.
  void kill_and_reap();
  // Kills without waiting for the namespaces' teardown (1.4 ms): whoever adopts orphans reaps it.
  void kill_and_forget();
  // Lets it live on, as somebody else's child once we end. Returns its pid.
  int leave() {
    pidfd_.reset();
    return std::exchange(pid_, 0);
  }

 private:
  int pid_ = 0;
  UniqueFd pidfd_;
};

}  // namespace yett
