// A thread that stands in for a program elsewhere: traced until it executes something, which is
// started in its place; it then ends with that one's exit status. Source: ptrace(2).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"

namespace yett {

// What the traced thread wanted executed: copied once from its memory.
struct InsteadOf {
  std::string directory;  // of the host: the sandbox's root
  UniqueFd root;          // the same, O_PATH
  std::string program;
  std::vector<std::string> arguments;  // argv, its [0] included
  std::vector<std::string> environment;
  std::array<UniqueFd, 3> descriptors;  // standard input, output, error; invalid: closed
};
// Is there such a file in the sandbox's root?
[[nodiscard]] bool is_there(const InsteadOf& wanted);
// Begins it. The child is waited for, and killed when it is not wanted any more.
using StartInstead = std::function<Result<ChildProcess>(const InsteadOf&)>;

class StandIn {
 public:
  // Seizes the thread; traced by the calling thread from here on. Preconditions: it holds the
  // sandbox's ids. 0 or errno.
  [[nodiscard]] int seize(int thread, int process);
  // After seize and once nobody doubts that the thread is the right one.
  void interrupt() const;
  // Until the thread executes something that is there below wanted.directory; what is not is
  // ENOENT, and forking before is EPERM. False: it has ended.
  [[nodiscard]] bool wait_for_exec(InsteadOf& wanted);
  // Waits for `program`, which stays the caller's to reap, then ends the traced process with its
  // status. Returns, too, when the process ends before.
  void stand_in_for(const ChildProcess& program) const;
  // Ends the traced process with this status.
  void leave(int status) const;

 private:
  [[nodiscard]] bool next_call(std::uint64_t& number, std::array<std::uint64_t, 6>& arguments);
  [[nodiscard]] int read_exec(const std::array<std::uint64_t, 6>& arguments,
                              InsteadOf& wanted) const;
  void replace_call(std::uint64_t number, std::uint64_t argument) const;
  void refuse_call(int error) const;

  int thread_ = 0;
  UniqueFd process_;
};

}  // namespace yett
