// The processes of one sandbox as /proc shows them: all of its own /proc's, or, where it has no pid
// namespace, those below its first one.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

class SandboxProcesses {
 public:
  // `init`: the sandbox's first process, whose root is mounted and which nothing of the app's has
  // run in yet: its /proc is opened through it. Error: it may not be looked at.
  [[nodiscard]] static Result<SandboxProcesses> open(int init);
  [[nodiscard]] static Result<SandboxProcesses> open_below(int first);

  // The first one's number, which is yett's own.
  [[nodiscard]] int first() const { return below_ != 0 ? below_ : 1; }
  // Parents come before their children, mostly. Without a pid namespace the first one is left out.
  [[nodiscard]] std::vector<int> list() const;
  // A file of /proc/PID, as far as the buffer goes; empty: it is gone. For looking, which is done
  // often: whose it is by then does not matter much.
  [[nodiscard]] std::string_view read(int pid, const char* file, std::span<char> buffer) const;
  // An owner of /proc/PID, which is that process for good and a pidfd of it; invalid: it is gone.
  [[nodiscard]] UniqueFd open_process(int pid) const;

 private:
  SandboxProcesses(UniqueFd proc, int below) : proc_(std::move(proc)), below_(below) {}
  UniqueFd proc_;
  int below_ = 0;  // 0: all of /proc
};

// The same of just this process.
[[nodiscard]] std::string_view read_of_process(BorrowedFd process, const char* file,
                                               std::span<char> buffer);
void signal_process(BorrowedFd process, int signal_number);

// But the first one. At once: until its death has reached the others, a hog goes on.
void kill_all(const SandboxProcesses& processes);

// Of the calling thread, which is to look at processes that have the processors to themselves: its
// turns come sooner, for they are short (sched_setattr(2), Linux 6.12; older kernels give every
// turn alike).
void ask_for_short_turns();

}  // namespace yett
