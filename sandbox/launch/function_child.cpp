// PID 1 of a sandbox that runs a function of an application's: nothing is executed, somebody comes
// in. docs/decisions/0057-functions-inside.md.
#include <fcntl.h>
#include <unistd.h>

#include "ioctl_uapi/fd_passing.hpp"
#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/guard/landlock_child.hpp"
#include "sandbox/launch/child_context.hpp"

namespace yett {

// Looked up and made here, where they are of this sandbox and nothing else: as for a program.
ChildResult offer_doors(ChildContext& context) {
  int ruleset = -1;
  YETT_STEP(make_landlock_ruleset(context.plan->landlock, ruleset));
  const int directory =
      sys_open_in_root(AT_FDCWD, context.working_directory, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return from_kernel(directory);
  const LaunchMessage open{.kind = LaunchMessageKind::open};
  YETT_STEP(send_launch_message(context.status_socket, open, ruleset, directory));
  if (ruleset >= 0) ::close(ruleset);
  ::close(directory);
  context.runs_function = true;
  return kDone;
}

}  // namespace yett
