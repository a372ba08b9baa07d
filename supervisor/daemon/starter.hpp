// The process of yettd's that begins supervisors. It is forked before anything of a client's is
// read and keeps nothing: a supervisor, which is its copy, knows of no other client and shares its
// memory with all other supervisors. docs/decisions/0047-yettd.md.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "supervisor/daemon/supervisor_line.hpp"

namespace yett {

enum class WhenStarted { now, when_told };  // the program: at once, or when the line brings one

// Whose rights a supervisor has: root's, or those of a user who asked, whole.
struct Rights {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

struct SupervisorWanted {
  std::vector<std::string> words;        // of `yett`: "run", its options
  std::vector<std::string> environment;  // of the supervisor
  Rights rights;
  WhenStarted when = WhenStarted::now;
  // Standard input, output and error, and the working directory. Invalid: the null device (error,
  // until it is told of its program: the daemon's own); the root directory.
  std::array<UniqueFd, 4> descriptors;
};

// Runs in the supervisor: carries out `words` and gives the exit status.
using RunWords = std::function<int(const std::vector<std::string>& words, WhenStarted when,
                                   const SupervisorLine& line)>;

struct StartedSupervisor {
  ChildProcess process;  // the daemon's child
  UniqueFd news;         // the daemon's end of its line
};

class Starter {
 public:
  // Forks it. Preconditions: one thread, and nothing of a client's in memory. It ends with the
  // calling process.
  [[nodiscard]] static Result<Starter> make(const RunWords& run);

  [[nodiscard]] Result<StartedSupervisor> start(const SupervisorWanted& wanted);
  [[nodiscard]] BorrowedFd pidfd() const { return process_.pidfd(); }

 private:
  Starter(ChildProcess process, UniqueFd socket)
      : process_(std::move(process)), socket_(std::move(socket)) {}
  ChildProcess process_;
  UniqueFd socket_;
  std::uint64_t last_ = 0;
};

}  // namespace yett
