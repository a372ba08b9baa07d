// The process that writes a sandbox's log: it reads what the program writes into two pipes, and
// ends when nobody can write into them any more.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/sandboxes/log_file.hpp"

namespace yett {

class LogWriter {
 public:
  // Forks the writer; it keeps nothing of the caller's open but `file`.
  // Preconditions: no other thread.
  [[nodiscard]] static Result<LogWriter> start(LogFile file);

  // The pipes become 1 and 2, /dev/null becomes 0. To be called once.
  [[nodiscard]] Status take_stdio();
  // Gives 1 and 2 back, and waits until everything is written; 5 s at most, for a process that
  // holds a pipe open may be anybody's.
  void finish();

 private:
  LogWriter(int process, UniqueFd out, UniqueFd err)
      : process_(process), out_(std::move(out)), err_(std::move(err)) {}
  int process_;
  UniqueFd out_;
  UniqueFd err_;
};

}  // namespace yett
