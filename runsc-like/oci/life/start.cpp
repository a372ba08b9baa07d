// start: the container's process executes its program.
#include <signal.h>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/container_protocol.hpp"
#include "runsc-like/oci/config/read_config.hpp"
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

// The connection closes when the program is executed: no answer is the good one.
Status say_start(const ContainerDirectory& directory, const std::string& program) {
  YETT_TRY(const UniqueFd connection, directory.connect_to_start());
  ContainerMessage message{.kind = ContainerMessageKind::start};
  const ChildResult sent = send_container_message(connection.get(), message);
  if (sent != kDone) return fail(errno_error(sent, "send", "start socket"));
  const ChildResult answered = receive_container_message(connection.get(), message);
  if (answered == EPIPE) return {};
  if (answered != kDone) return fail(errno_error(answered, "receive", "start socket"));
  return fail(start_failure(program, message));
}

// A hook that fails ends the container: runtime.md, life cycle, as the text has it today, and runc.
Status run_poststart(const ContainerState& state, const Hooks& hooks) {
  Status ran =
      run_hooks(hooks.poststart, "poststart", state_document(state, ContainerStatus::running),
                {.directory = state.bundle});
  if (ran) return ran;
  if (const auto process = open_container_process(state))
    static_cast<void>(send_signal(process->borrow(), SIGKILL));
  return ran;
}

}  // namespace

Status start_container(const ContainerStore& store, const std::string& id) {
  YETT_TRY(ContainerDirectory directory, store.open(id));
  YETT_CHECK(directory.lock());
  YETT_TRY(const ContainerState state, directory.read_state());
  const ContainerStatus status = find_status(directory, state);
  if (status != ContainerStatus::created) return fail(not_created(state, status));
  YETT_CHECK(say_start(directory, state.program));
  YETT_TRY(const std::string text, directory.read_config());
  YETT_TRY(const Config config, parse_config(text, "config.json"));
  return run_poststart(state, config.hooks);
}

Status start_created(const CreatedContainer& container) {
  YETT_CHECK(say_start(container.directory, container.state.program));
  return run_poststart(container.state, container.config.hooks);
}

}  // namespace yett::oci
