#include "runsc-like/sandboxes/list_sandboxes.hpp"

#include <cerrno>

#include "base/time_text.hpp"

namespace yett {
namespace {

using oci::ContainerStatus;

std::string age_of(const std::string& time) {
  const auto then = parse_time(time);
  return then ? format_age(real_time_ns() - *then) : "some time";
}

}  // namespace

Result<ListedSandbox> find_sandbox(const oci::ContainerStore& store, const std::string& id) {
  YETT_TRY(const oci::ContainerDirectory directory, store.open(id));
  YETT_TRY(oci::ContainerState state, directory.read_state());
  const ContainerStatus status = oci::find_status(directory, state);
  return ListedSandbox{
      .state = std::move(state), .status = status, .end = oci::read_sandbox_end(directory)};
}

std::vector<ListedSandbox> list_sandboxes(const oci::ContainerStore& store) {
  std::vector<ListedSandbox> listed;
  for (const std::string& id : store.ids())
    if (auto found = find_sandbox(store, id)) listed.push_back(std::move(*found));
  return listed;
}

Result<UniqueFd> connect_to_running(const oci::ContainerStore& store, const std::string& id,
                                    Result<UniqueFd> (oci::ContainerDirectory::*connect)() const,
                                    const Error& unlistened) {
  YETT_TRY(const ListedSandbox sandbox, find_sandbox(store, id));
  if (!is_alive(sandbox.status))
    return fail(Error{.kind = ErrorKind::target_gone, .subject = id, .detail = "it does not run"});
  YETT_TRY(const oci::ContainerDirectory directory, store.open(id));
  auto connection = (directory.*connect)();
  if (!connection && connection.error().sys_errno == ENOENT) return fail(unlistened);
  return connection;
}

bool is_alive(ContainerStatus status) {
  return status == ContainerStatus::running || status == ContainerStatus::paused ||
         status == ContainerStatus::created;
}

std::string sandbox_status_name(const ListedSandbox& sandbox) {
  if (is_alive(sandbox.status) || !sandbox.state.sandbox)
    return oci::container_status_name(sandbox.status);
  if (sandbox.end) return "exited";
  return sandbox.status == ContainerStatus::creating ? "creating" : "dead";
}

std::string sandbox_status_text(const ListedSandbox& sandbox) {
  const std::string name = sandbox_status_name(sandbox);
  if (name == "running") return "Up " + age_of(sandbox.state.created);
  if (name == "paused") return "Up " + age_of(sandbox.state.created) + " (Paused)";
  if (name == "exited")
    return "Exited (" + std::to_string(sandbox.end->exit_status) + ") " +
           age_of(sandbox.end->finished) + " ago";
  std::string text = name;
  text.front() = static_cast<char>(text.front() - ('a' - 'A'));
  return text;
}

}  // namespace yett
