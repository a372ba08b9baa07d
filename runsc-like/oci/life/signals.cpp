// kill, pause and resume.
#include <signal.h>
#include <string.h>

#include <array>

#include "base/text.hpp"
#include "ioctl_uapi/clone.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "sandbox/container/container_cgroup.hpp"

namespace yett::oci {
namespace {

Error not_running(const std::string& id) {
  return Error{.kind = ErrorKind::target_gone, .subject = id, .detail = "container not running"};
}

std::optional<int> real_time_signal(std::string_view name) {
  const bool from_end = name.starts_with("RTMAX");
  if (!from_end && !name.starts_with("RTMIN")) return std::nullopt;
  const int base = from_end ? SIGRTMAX : SIGRTMIN;
  name.remove_prefix(5);
  if (name.empty()) return base;
  if (name.front() != (from_end ? '-' : '+')) return std::nullopt;
  const auto offset =
      parse_decimal(name.substr(1), static_cast<std::uint64_t>(SIGRTMAX - SIGRTMIN));
  if (!offset) return std::nullopt;
  return from_end ? base - static_cast<int>(*offset) : base + static_cast<int>(*offset);
}

std::optional<int> signal_by_name(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (int number = 1; number < SIGRTMIN; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  return real_time_signal(name);
}

Status signal_all(const ContainerState& state, int signal_number) {
  for (const int pid : cgroup_processes(state.cgroups))
    if (::kill(pid, signal_number) != 0 && errno != ESRCH)
      return fail(errno_error("kill", std::to_string(pid)));
  return {};
}

}  // namespace

Result<int> parse_signal(const std::string& text) {
  std::string upper = text;
  for (char& byte : upper)
    if (byte >= 'a' && byte <= 'z') byte = static_cast<char>(byte - 32);
  if (const auto number = parse_decimal(text, static_cast<std::uint64_t>(SIGRTMAX)))
    return static_cast<int>(*number);
  if (const auto number = signal_by_name(upper)) return *number;
  return fail(request_error(text, "unknown signal", "a name such as TERM, or a number"));
}

Status kill_container(const ContainerStore& store, const std::string& id, int signal_number,
                      KillWhom whom) {
  YETT_TRY(const ContainerDirectory directory, store.open(id));
  YETT_TRY(const ContainerState state, directory.read_state());
  const ContainerStatus status = find_status(directory, state);
  if (whom == KillWhom::all) {
    YETT_CHECK(signal_all(state, signal_number));
  } else {
    if (status == ContainerStatus::stopped) return fail(not_running(id));
    YETT_TRY(const UniqueFd process, open_container_process(state));
    YETT_CHECK(send_signal(process.borrow(), signal_number));
  }
  // A frozen task dies when it thaws.
  if (status == ContainerStatus::paused && signal_number == SIGKILL)
    return freeze_cgroup(state.cgroups, false);
  return {};
}

Status pause_container(const ContainerStore& store, const std::string& id, Pause pause) {
  YETT_TRY(ContainerDirectory directory, store.open(id));
  YETT_CHECK(directory.lock());
  YETT_TRY(const ContainerState state, directory.read_state());
  const ContainerStatus status = find_status(directory, state);
  const bool freeze = pause == Pause::freeze;
  const bool right = freeze
                         ? status == ContainerStatus::running || status == ContainerStatus::created
                         : status == ContainerStatus::paused;
  if (!right)
    return fail(
        request_error(id, freeze ? "container not running or created" : "container not paused"));
  return freeze_cgroup(state.cgroups, freeze);
}

}  // namespace yett::oci
