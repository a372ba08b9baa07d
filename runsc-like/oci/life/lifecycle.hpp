// The life of a container: what `create`, `start`, `kill`, `delete` and the others do. Each
// function is one command's work, takes and keeps the container's lock where it changes anything,
// and leaves the state directory true whenever it is killed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "runsc-like/oci/config/config.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett::oci {

struct CreateOptions {
  std::string id;
  std::string bundle = ".";
  std::string pid_file;
  std::string console_socket;
  unsigned preserved_fds = 0;
  bool pivot = true;
  bool new_keyring = true;
  bool systemd_cgroup = false;       // the cgroup is a scope of systemd's
  bool foreground_terminal = false;  // keep the pty's master instead of sending it away
};

struct CreatedContainer {
  ContainerDirectory directory;
  ContainerState state;
  Config config;
  ChildProcess process;  // leave() it, or it dies with this object
  UniqueFd terminal;     // the pty's master, with foreground_terminal
};

[[nodiscard]] Result<CreatedContainer> create_container(const ContainerStore& store,
                                                        const CreateOptions& options);
// Lets a created container's process execute its program; poststart hooks follow.
[[nodiscard]] Status start_container(const ContainerStore& store, const std::string& id);
// The same for one that the caller just created and still holds.
[[nodiscard]] Status start_created(const CreatedContainer& container);

enum class KillWhom { first_process, all };
[[nodiscard]] Status kill_container(const ContainerStore& store, const std::string& id,
                                    int signal_number, KillWhom whom);
// "KILL", "SIGKILL", "9", "RTMIN+3".
[[nodiscard]] Result<int> parse_signal(const std::string& text);

enum class DeleteForce { no, yes };
// With force a container that does not exist is no error, and one whose state cannot be read is
// ended by what its configuration tells; where that is not enough it is kept, which is an error.
// Returns what its reader should know besides, or nothing.
[[nodiscard]] Result<std::string> delete_container(const ContainerStore& store,
                                                   const std::string& id, DeleteForce force);
// The end of delete for a container whose directory the caller holds locked.
[[nodiscard]] Status destroy_container(ContainerDirectory& directory, const ContainerState& state);

enum class Pause { freeze, thaw };
[[nodiscard]] Status pause_container(const ContainerStore& store, const std::string& id,
                                     Pause pause);
[[nodiscard]] Status update_container(const ContainerStore& store, const std::string& id,
                                      const Resources& resources);

}  // namespace yett::oci
