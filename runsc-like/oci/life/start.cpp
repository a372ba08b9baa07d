// start: the container's process executes its program.
#include <signal.h>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/container_protocol.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/await_program.hpp"
#include "runsc-like/oci/life/hooks.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "sandbox/container/launch_container.hpp"

namespace yett::oci {
namespace {

Error not_created(const ContainerState& state, ContainerStatus status) {
  return Error{.kind = ErrorKind::invalid_request,
               .subject = state.id,
               .detail = status == ContainerStatus::stopped
                             ? "cannot start a container that has stopped"
                             : "cannot start a container in the " +
                                   std::string(container_status_name(status)) + " state"};
}

void kill_first_process(const ContainerState& state) {
  if (const auto process = open_container_process(state))
    static_cast<void>(send_signal(process->borrow(), SIGKILL));
}

// The connection closes when the program is executed: no answer is the good one.
Result<ProgramStart> say_start(const ContainerDirectory& directory, const ContainerState& state) {
  YETT_TRY(const UniqueFd connection, directory.connect_to_start());
  const ChildResult sent =
      send_container_message(connection.get(), {.kind = ContainerMessageKind::start});
  if (sent != kDone) return fail(errno_error(sent, "send", "start socket"));
  auto started = await_program_start(connection.borrow(),
                                     {.directory = directory, .state = state, .pid = state.pid});
  // It may wait in a call that nobody is there to answer.
  if (!started) kill_first_process(state);
  if (started && started->failure) return fail(start_failure(state.program, *started->failure));
  return started;
}

// A hook that fails ends the container: runtime.md, life cycle, as the text has it today, and runc.
Status run_poststart(const ContainerState& state, const Hooks& hooks) {
  Status ran =
      run_hooks(hooks.poststart, "poststart", state_document(state, ContainerStatus::running),
                {.directory = state.bundle});
  if (ran) return ran;
  kill_first_process(state);
  return ran;
}

}  // namespace

Status start_container(const ContainerStore& store, const std::string& id) {
  YETT_TRY(ContainerDirectory directory, store.open(id));
  YETT_CHECK(directory.lock());
  YETT_TRY(const ContainerState state, directory.read_state());
  const ContainerStatus status = find_status(directory, state);
  if (status != ContainerStatus::created) return fail(not_created(state, status));
  YETT_TRY(const ProgramStart started, say_start(directory, state));
  YETT_TRY(const std::string text, directory.read_config());
  YETT_TRY(const Config config, parse_config(text, "config.json"));
  YETT_CHECK(check_agent_has_listener(config, started));
  return run_poststart(state, config.hooks);
}

Status start_created(const CreatedContainer& container) {
  YETT_TRY(const ProgramStart started, say_start(container.directory, container.state));
  YETT_CHECK(check_agent_has_listener(container.config, started));
  return run_poststart(container.state, container.config.hooks);
}

}  // namespace yett::oci
