// kill, pause and resume.
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <utility>

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

// Every process of a container's, in rounds: who forks while it is looked at is found by the next.
class EachProcess {
 public:
  EachProcess(const ContainerState& state, int signal_number)
      : state_(state), signal_number_(signal_number) {}

  // False: those of the last round were new still.
  [[nodiscard]] Result<bool> signal_in_rounds(int most) {
    for (int round = 0; round < most; ++round) {
      const std::size_t before = told_.size();
      YETT_CHECK(signal_listed());
      if (told_.size() == before) return true;
    }
    return false;
  }

 private:
  struct Member {
    int pid;
    UniqueFd process;
  };

  Status signal_listed() {
    YETT_TRY(const std::vector<int> listed, cgroup_processes(state_.cgroups));
    if (!listed.empty() && listed.front() == 0)
      return fail(host_error(state_.id, "has processes that this pid namespace does not show",
                             "signal them from the one that the container was made in"));
    constexpr std::size_t kAtOnce = 128;  // descriptors
    for (std::span<const int> rest(listed); !rest.empty();) {
      const std::size_t count = std::min(rest.size(), kAtOnce);
      YETT_CHECK(signal_some(rest.first(count)));
      rest = rest.subspan(count);
    }
    return {};
  }

  // SECURITY(container-kill-members): a number that is free again may be anybody's by now. It is
  // the container's where it is listed while a descriptor of that process is open.
  Status signal_some(std::span<const int> pids) {
    std::vector<Member> members;
    for (const int pid : pids)
      if (auto process = open_pidfd(pid))
        members.push_back({pid, std::move(*process)});
      else if (process.error().sys_errno == EMFILE || process.error().sys_errno == ENFILE)
        return fail(std::move(process).error());  // others: gone, or a thread's number by now
    YETT_TRY(const std::vector<int> listed, cgroup_processes(state_.cgroups));
    for (const Member& member : members)
      if (std::ranges::binary_search(listed, member.pid)) YETT_CHECK(signal_once(member));
    return {};
  }

  Status signal_once(const Member& member) {
    const auto start = process_start_time(member.pid);
    if (!start || !told_.emplace(member.pid, *start).second) return {};
    Status sent = send_signal(member.process.borrow(), signal_number_);
    return !sent && sent.error().sys_errno == ESRCH ? Status{} : sent;
  }

  const ContainerState& state_;
  int signal_number_;
  std::set<std::pair<int, std::uint64_t>> told_;  // numbers and start times
};

// What is forked faster than it is found stands still meanwhile, where the kernel cannot kill a
// cgroup as a whole.
Status kill_all(const ContainerState& state) {
  if (kill_cgroup(state.cgroups, state.cgroup_v2)) return {};
  static_cast<void>(freeze_cgroup(state.cgroups, true));
  constexpr int kRounds = 100;
  const auto found = EachProcess(state, SIGKILL).signal_in_rounds(kRounds);
  static_cast<void>(freeze_cgroup(state.cgroups, false));
  if (!found) return fail(found.error());
  if (*found) return {};
  return fail(Error{.kind = ErrorKind::exhausted,
                    .operation = "kill",
                    .subject = state.id,
                    .detail = "it makes processes faster than they are found",
                    .mend = "pause it first"});
}

// Who is born later than these rounds was not there when the signal was sent.
Status signal_all(const ContainerState& state, int signal_number) {
  if (signal_number == SIGKILL) return kill_all(state);
  constexpr int kRounds = 10;
  YETT_TRY(const bool found, EachProcess(state, signal_number).signal_in_rounds(kRounds));
  static_cast<void>(found);
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
  if (whom == KillWhom::all && status == ContainerStatus::stopped && state.cgroups.empty())
    return {};
  // Without a cgroup it has a pid namespace of its own, which ends with its first process.
  if (whom == KillWhom::all && !state.cgroups.empty()) {
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
