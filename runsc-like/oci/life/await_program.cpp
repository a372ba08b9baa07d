#include "runsc-like/oci/life/await_program.hpp"

#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/unix_socket.hpp"

namespace yett::oci {
namespace {

// runtime-spec, config-linux.md, "The Container Process State": one for each connection.
Status give_to_agent(const AwaitedProcess& process, BorrowedFd listener) {
  YETT_TRY(const std::string text, process.directory.read_config());
  YETT_TRY(const Config config, parse_config(text, "config.json"));
  if (!config.linux_.seccomp)
    return fail(request_error("/linux/seccomp", "is missing, and a listener came"));
  const SeccompSection& section = *config.linux_.seccomp;
  return send_to_socket(
      section.listener_path, "seccomp agent",
      process_state_document(process.state, process.status, process.pid, section.listener_metadata),
      listener);
}

}  // namespace

Result<ProgramStart> await_program_start(BorrowedFd socket, const AwaitedProcess& process) {
  ProgramStart started;
  for (;;) {
    ContainerMessage message;
    int passed = -1;
    const ChildResult received = receive_container_message(socket.get(), message, &passed);
    const UniqueFd listener(passed);
    if (received == EPIPE) return started;
    if (received != kDone) return fail(errno_error(received, "receive", "container process"));
    if (message.kind != ContainerMessageKind::listener) {
      started.failure = message;
      return started;
    }
    YETT_CHECK(give_to_agent(process, listener.borrow()));
    started.agent_has_listener = true;
    const ChildResult sent =
        send_container_message(socket.get(), {.kind = ContainerMessageKind::go_on});
    if (sent != kDone) return fail(errno_error(sent, "send", "container process"));
  }
}

Status check_agent_has_listener(const Config& config, const ProgramStart& started) {
  const auto& section = config.linux_.seccomp;
  if (!section || !section_notifies(*section) || started.agent_has_listener) return {};
  return fail(Error{.kind = ErrorKind::target_gone,
                    .operation = "hand the listener to the seccomp agent",
                    .subject = section->listener_path,
                    .detail = "the container's process ended before"});
}

}  // namespace yett::oci
