// sched_setscheduler(2) and setpriority(2) within what the sandbox began with. The kernel lets a
// process that lowered its priority never raise it again; here it may go back to nice 0 and to
// SCHED_OTHER. Safe because what is given is never better than what the thread was started with,
// and only to the calling process and its threads: their numbers are looked up among its own. All
// arguments but one are registers; the parameter is copied once and must be 0, as it is for every
// policy that is given. Real-time policies and negative nice values stay refused.
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>

#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

constexpr int kWorstNice = 19;

// Our number of the thread that the caller calls `inner`: 0 and its own number are itself.
std::optional<pid_t> own_thread(const PendingNotification& pending, std::int32_t inner) {
  if (pending.thread_id() == 0 || inner < 0) return std::nullopt;
  const auto self = static_cast<pid_t>(pending.thread_id());
  if (inner == 0) return self;
  return find_thread(pending, inner);
}

// SECURITY(own-threads): checked again after the number was found, so that it was not reused: while
// the caller waits its number is its own, and the other is still that of a thread beside it.
template <typename Change>
int change(const PendingNotification& pending, std::int32_t inner, Change how) {
  const auto thread = own_thread(pending, inner);
  if (!pending.still_valid() || !thread) return inner < 0 ? EINVAL : EPERM;
  if (inner != 0 && !is_thread(pending, *thread, inner)) return EPERM;
  return how(*thread) == 0 ? 0 : errno;
}

// The supervisor's own, with which the sandbox began.
int best_nice() { return std::max(::getpriority(PRIO_PROCESS, 0), 0); }

bool begins_with(int kind) {
  const int own = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  return own == kind || kind == SCHED_IDLE || own != SCHED_IDLE;
}

}  // namespace

int emulate_setscheduler(const PendingNotification& pending) {
  const auto& arguments = pending.data().args;
  const auto policy = static_cast<int>(arguments[1]);
  const int kind = policy & ~SCHED_RESET_ON_FORK;
  if (arguments[2] == 0 || policy < 0) return EINVAL;
  sched_param wanted{};
  const Status copied =
      read_target(pending, arguments[2], std::as_writable_bytes(std::span(&wanted, 1)));
  if (!copied) return errno_for_target(copied);
  if (kind == SCHED_FIFO || kind == SCHED_RR || kind == SCHED_DEADLINE) return EPERM;
  if (kind != SCHED_OTHER && kind != SCHED_BATCH && kind != SCHED_IDLE) return EINVAL;
  if (wanted.sched_priority != 0) return EINVAL;
  if (!begins_with(kind)) return EPERM;
  const sched_param none{};
  return change(pending, static_cast<std::int32_t>(arguments[0]),
                [&](pid_t thread) { return ::sched_setscheduler(thread, policy, &none); });
}

int emulate_setpriority(const PendingNotification& pending) {
  const auto& arguments = pending.data().args;
  const int nice = std::min(static_cast<int>(arguments[2]), kWorstNice);
  if (static_cast<int>(arguments[0]) != PRIO_PROCESS) return EPERM;
  if (nice < best_nice()) return EACCES;
  return change(pending, static_cast<std::int32_t>(arguments[1]), [&](pid_t thread) {
    return ::setpriority(PRIO_PROCESS, static_cast<id_t>(thread), nice);
  });
}

}  // namespace yett
