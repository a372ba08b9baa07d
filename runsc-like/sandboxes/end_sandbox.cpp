#include "runsc-like/sandboxes/end_sandbox.hpp"

#include <poll.h>
#include <signal.h>
#include <time.h>

#include "ioctl_uapi/clone.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"
#include "sandbox/container/container_cgroup.hpp"

namespace yett {
namespace {

using Patience = std::optional<std::chrono::milliseconds>;  // nothing: without end

// True: it has ended.
bool await_process(BorrowedFd process, Patience patience) {
  struct pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&ended, 1, patience ? static_cast<int>(patience->count()) : -1);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// Invalid: it lives no more.
UniqueFd open_supervisor(const oci::ContainerState& state) {
  if (!state.sandbox || state.sandbox->supervisor == 0) return UniqueFd();
  auto process = open_pidfd(state.sandbox->supervisor);
  const bool same =
      oci::process_start_time(state.sandbox->supervisor) == state.sandbox->supervisor_start;
  return process && same ? std::move(*process) : UniqueFd();
}

// The supervisor takes the sandbox apart and writes down how it ended; one that cannot is ended.
void await_supervisor(const oci::ContainerState& state) {
  constexpr std::chrono::milliseconds kMost{10'000};
  const UniqueFd supervisor = open_supervisor(state);
  if (supervisor.valid()) static_cast<void>(freeze_cgroup(state.cgroups, false));
  if (!supervisor.valid() || await_process(supervisor.borrow(), kMost)) return;
  static_cast<void>(send_signal(supervisor.borrow(), SIGKILL));
  static_cast<void>(await_process(supervisor.borrow(), kMost));
}

// Its state, once whoever makes it has come to an end with that.
Result<oci::ContainerState> read_settled_state(const oci::ContainerDirectory& directory) {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 10'000'000};
  constexpr int kTries = 1000;
  for (int i = 0;; ++i) {
    YETT_TRY(oci::ContainerState state, directory.read_state());
    if (i == kTries || oci::find_status(directory, state) != oci::ContainerStatus::creating)
      return state;
    ::nanosleep(&kPause, nullptr);
  }
}

Error still_running(const std::string& id, const char* status) {
  return request_error(id, "it is " + std::string(status), "yett stop " + id + ", or rm --force");
}

}  // namespace

Status stop_sandbox(const oci::ContainerStore& store, const std::string& id, int signal_number,
                    std::chrono::milliseconds patience) {
  YETT_TRY(const oci::ContainerDirectory directory, store.open(id));
  YETT_TRY(const oci::ContainerState state, read_settled_state(directory));
  const oci::ContainerStatus status = oci::find_status(directory, state);
  const auto process = oci::open_container_process(state);
  if (process && is_alive(status)) {
    YETT_CHECK(send_signal(process->borrow(), signal_number));
    // What stands still cannot obey; what dies of the signal leaves a first process standing still.
    if (status == oci::ContainerStatus::paused) YETT_CHECK(freeze_cgroup(state.cgroups, false));
    if (!await_process(process->borrow(), patience)) {
      static_cast<void>(send_signal(process->borrow(), SIGKILL));
      constexpr std::chrono::milliseconds kMost{10'000};
      if (!await_process(process->borrow(), kMost))
        return fail(Error{.kind = ErrorKind::system,
                          .subject = id,
                          .detail = "its program has not died in 10 s of SIGKILL"});
    }
  }
  await_supervisor(state);
  return {};
}

Status remove_sandbox(const oci::ContainerStore& store, const std::string& id, RemoveForce force) {
  auto found = find_sandbox(store, id);
  const bool forced = force == RemoveForce::yes;
  if (!found && forced && found.error().kind == ErrorKind::target_gone) return {};
  if (!found && !forced) return fail(std::move(found).error());
  if (found && !forced && is_alive(found->status))
    return fail(still_running(id, oci::container_status_name(found->status)));
  if (found && found->state.sandbox) {
    if (is_alive(found->status))
      YETT_CHECK(stop_sandbox(store, id, SIGKILL, std::chrono::milliseconds(0)));
    await_supervisor(found->state);
  }
  // With --rm its supervisor may have been faster.
  YETT_CHECK(oci::delete_container(store, id, oci::DeleteForce::yes));
  return {};
}

Result<std::optional<oci::SandboxEnd>> await_sandbox(const oci::ContainerStore& store,
                                                     const std::string& id) {
  YETT_TRY(const oci::ContainerDirectory directory, store.open(id));
  YETT_TRY(const UniqueFd end, directory.open_end());  // kept open: the directory may go
  YETT_TRY(const oci::ContainerState state, read_settled_state(directory));
  if (const auto process = oci::open_container_process(state))
    static_cast<void>(await_process(process->borrow(), std::nullopt));
  if (const UniqueFd supervisor = open_supervisor(state); supervisor.valid())
    static_cast<void>(await_process(supervisor.borrow(), std::nullopt));
  return oci::read_sandbox_end(end.borrow());
}

}  // namespace yett
