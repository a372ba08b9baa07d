// The process of yettd's that begins supervisors. It is forked before anything of a client's is
// read and keeps nothing of theirs: a supervisor, which is its copy, knows of no other client and
// shares its memory with all other supervisors. It is their parent, outlives the daemon, and hands
// the next one what runs. docs/decisions/0047-yettd.md, 0052-adoption-by-the-next-yettd.md.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "supervisor/daemon/roster_file.hpp"
#include "supervisor/daemon/starter_protocol.hpp"
#include "supervisor/daemon/supervisor_line.hpp"

namespace yett {

inline constexpr std::size_t kMostGroups = 65'536;

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

// A child of the starter's, which reaps it. Killed unless it was left.
class SupervisorProcess {
 public:
  SupervisorProcess() = default;
  explicit SupervisorProcess(UniqueFd pidfd) : pidfd_(std::move(pidfd)) {}
  SupervisorProcess(SupervisorProcess&& other) noexcept = default;
  SupervisorProcess& operator=(SupervisorProcess&& other) noexcept;
  SupervisorProcess(const SupervisorProcess&) = delete;
  SupervisorProcess& operator=(const SupervisorProcess&) = delete;
  ~SupervisorProcess() { kill(); }

  // Invalid: it has ended.
  [[nodiscard]] BorrowedFd pidfd() const { return pidfd_.borrow(); }

 private:
  void kill();
  UniqueFd pidfd_;
};

class Starter;

struct StartedSupervisor {
  SupervisorProcess process;
  UniqueFd news;               // the daemon's end of its line
  Starter* starter = nullptr;  // its parent, and
  std::uint64_t id = 0;        // how that knows it
  // Else it is the keeper of an instance, a descendant of a supervisor's: the starter neither
  // hands it on nor tells its end.
  [[nodiscard]] bool outlives_daemon() const { return id != 0; }
};

struct EndedSupervisor {
  std::uint64_t id = 0;
  int status = 0;  // exit status
};

// What an earlier daemon has left.
struct LeftSupervisor {
  std::uint64_t id = 0;
  UniqueFd news;
  UniqueFd pidfd;  // invalid: it has ended, with
  int exit_status = 0;
};

class Starter {
 public:
  // Forks it. Preconditions: one thread, and nothing of a client's in memory. `door`: the path of a
  // socket at which the next daemon finds it, in a directory that is root's alone.
  [[nodiscard]] static Result<Starter> make(const RunWords& run, const std::string& door);
  // One that an earlier daemon has left there. target_gone: there is none any more.
  // SECURITY(starter-door): who answers there is root of this very host.
  [[nodiscard]] static Result<Starter> find(const std::string& door);

  // Of one that was found.
  [[nodiscard]] std::vector<LeftSupervisor> take_left() { return std::exchange(left_, {}); }
  // Of one that was made.
  [[nodiscard]] Result<StartedSupervisor> start(const SupervisorWanted& wanted);
  // It outlives the daemon.
  void keep(std::uint64_t id) const { tell({.call = StarterCall::keep, .id = id}); }
  // How long they are kept without a daemon.
  void set_patience(std::chrono::seconds patience) const;
  // Kills what is left of its supervisors, and waits until they and it are gone.
  void end();

  // Readable: somebody has ended, or the starter is gone.
  [[nodiscard]] BorrowedFd socket() const { return socket_.borrow(); }
  // Without waiting.
  [[nodiscard]] std::vector<EndedSupervisor> take_ends();
  // What came while an answer was waited for.
  [[nodiscard]] bool has_ends() const { return !ends_.empty(); }
  [[nodiscard]] bool is_gone() const { return gone_; }
  [[nodiscard]] RosterFile& roster() { return roster_; }

 private:
  Starter(ChildProcess process, UniqueFd socket, RosterFile roster)
      : process_(std::move(process)), socket_(std::move(socket)), roster_(std::move(roster)) {}
  [[nodiscard]] static Result<Starter> greet(UniqueFd socket);
  [[nodiscard]] Status receive_left();
  void tell(const StarterRequest& request) const;

  ChildProcess process_;  // of one that was made
  int pid_ = 0;           // of one that was found
  UniqueFd socket_;
  RosterFile roster_;
  std::uint64_t last_ = 0;
  std::vector<LeftSupervisor> left_;
  std::vector<EndedSupervisor> ends_;
  bool gone_ = false;
};

}  // namespace yett
