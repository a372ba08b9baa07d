// The directory of all containers (`--root`): one directory for each, 0700, appearing and vanishing
// by rename, so that a command killed at any point leaves either nothing or something that `delete`
// takes away.
//   state.json  written to the side and renamed
//   config.json the bundle's, as it was when the container was created
//   lock        flock: held by the command that changes the container
//   waiting     flock: held by the container's process until it executes its program
//   start       socket on which that process waits for `start`
// and of a sandbox of `yett run`:
//   end         how it ended, written in place, so that who opened it earlier can read it
//   log, log.1  what it wrote
//   exec        socket on which its supervisor takes more programs
//   control     socket on which its supervisor answers the commands of yett/uapi.h
//   grant       socket on which its supervisor tells its questions and takes the answers
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/oci/state/container_state.hpp"

namespace yett::oci {

class ContainerDirectory {
 public:
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] BorrowedFd fd() const { return directory_.borrow(); }

  // Waits for other commands on the same container, 10 s at most. Held until this object goes.
  [[nodiscard]] Status lock();
  void unlock();
  [[nodiscard]] Result<ContainerState> read_state() const;
  [[nodiscard]] Status write_state(const ContainerState& state) const;
  [[nodiscard]] Result<std::string> read_config() const;
  [[nodiscard]] Status write_config(std::string_view text) const;

  // Opens and locks the file that tells `created` from `running`; the container's process inherits
  // it.
  [[nodiscard]] Result<UniqueFd> hold_waiting() const;
  [[nodiscard]] bool is_waiting() const;
  [[nodiscard]] Result<UniqueFd> listen_for_start() const { return listen_for("start"); }
  [[nodiscard]] Result<UniqueFd> connect_to_start() const { return connect_to("start"); }
  [[nodiscard]] Result<UniqueFd> listen_for_exec() const { return listen_for("exec"); }
  [[nodiscard]] Result<UniqueFd> connect_to_exec() const { return connect_to("exec"); }

  [[nodiscard]] Result<UniqueFd> listen_for_control() const { return listen_for("control"); }
  [[nodiscard]] Result<UniqueFd> listen_for_grants() const { return listen_for("grant"); }
  [[nodiscard]] Result<UniqueFd> listen_for_swaps() const { return listen_for("swap"); }
  [[nodiscard]] Result<UniqueFd> connect_to_swaps() const { return connect_to("swap"); }
  [[nodiscard]] Result<UniqueFd> connect_to_grants() const { return connect_to("grant"); }

  // Of a sandbox: the file that its end is written to.
  [[nodiscard]] Result<UniqueFd> open_end() const;

  // Out of sight at once, then gone. Idempotent.
  [[nodiscard]] Status remove();

 private:
  friend class ContainerStore;
  [[nodiscard]] Result<UniqueFd> listen_for(const char* name) const;
  [[nodiscard]] Result<UniqueFd> connect_to(const char* name) const;
  std::string root_;
  std::string id_;
  std::string path_;
  UniqueFd directory_;
  UniqueFd lock_;
};

class ContainerStore {
 public:
  explicit ContainerStore(std::string root) : root_(std::move(root)) {}

  // Locked from the moment it can be seen. Error: the id is taken.
  [[nodiscard]] Result<ContainerDirectory> create(const std::string& id) const;
  // Error: target_gone with runc's words, "container does not exist".
  [[nodiscard]] Result<ContainerDirectory> open(const std::string& id) const;
  [[nodiscard]] std::vector<std::string> ids() const;  // sorted
  // Takes away what killed commands left half made or half removed.
  void sweep() const;

 private:
  [[nodiscard]] Result<ContainerDirectory> try_create(const std::string& id, bool& swept) const;

  std::string root_;
};

// What is true of the container now.
[[nodiscard]] ContainerStatus find_status(const ContainerDirectory& directory,
                                          const ContainerState& state);

// Field 22 of /proc/PID/stat; nothing when there is no such process or it is a zombie.
[[nodiscard]] std::optional<std::uint64_t> process_start_time(int pid);
// The container's first process, by pidfd, when it lives.
[[nodiscard]] Result<UniqueFd> open_container_process(const ContainerState& state);

}  // namespace yett::oci
