// yettd: one process that begins sandboxes for many clients. The composition root of this room.
// docs/decisions/0047-yettd.md.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "supervisor/daemon/daemon_config.hpp"
#include "supervisor/daemon/starter.hpp"
#include "supervisor/daemon/wanted_run.hpp"

namespace yett {

struct DaemonService {
  // Called at the start, and again at each SIGHUP.
  std::function<Result<DaemonConfig>()> read_config;
  RunWords run;
  ReadRun read_run;
  // Of root's alone: where a starter waits for the next yettd.
  std::string directory;
};

// Until SIGTERM or SIGINT; every sandbox that was begun has ended then. At SIGUSR2 the process
// executes its program anew, and programs go on, as they do when it dies. Preconditions: root, one
// thread, standard input, output and error open.
[[nodiscard]] Status serve_daemon(const DaemonService& service);

}  // namespace yett
