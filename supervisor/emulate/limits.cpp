#include <sys/resource.h>

#include <cerrno>
#include <span>

#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

// The kernel reads `unsigned int resource` and `pid_t pid` from the low 32 bits of the register.
unsigned resource_of(std::uint64_t argument) { return static_cast<unsigned>(argument); }
pid_t pid_of(std::uint64_t argument) { return static_cast<pid_t>(argument); }

// SECURITY(limit-scope): done under the sandbox's ids and without capabilities, so that the kernel
// refuses what the target could not do itself, and refuses any process of another sandbox.
int set_limit(const PendingNotification& pending, unsigned resource, const rlimit* wanted,
              rlimit* old) {
  if (!pending.still_valid()) return ESRCH;
  const auto thread = static_cast<pid_t>(pending.thread_id());
  if (thread == 0) return EPERM;
  return ::prlimit(thread, static_cast<__rlimit_resource>(resource), wanted, old) == 0 ? 0 : errno;
}

int copy_limit(const PendingNotification& pending, std::uint64_t address, rlimit& into) {
  return errno_for_target(
      read_target(pending, address, std::as_writable_bytes(std::span(&into, 1))));
}

// 0 and the caller's own numbers mean the caller. Other processes are not reached from here.
int check_is_caller(const PendingNotification& pending, pid_t pid) {
  if (pid == 0) return 0;
  if (pid < 0) return ESRCH;
  const auto ids = read_inner_ids(pending);
  if (!ids) return EIO;
  return pid == ids->process || pid == ids->thread ? 0 : EPERM;
}

}  // namespace

int emulate_setrlimit(const PendingNotification& pending) {
  const auto& arguments = pending.data().args;
  rlimit wanted{};
  if (const int error = copy_limit(pending, arguments[1], wanted); error != 0) return error;
  return set_limit(pending, resource_of(arguments[0]), &wanted, nullptr);
}

int emulate_prlimit64(const PendingNotification& pending) {
  const auto& arguments = pending.data().args;
  const bool sets = arguments[2] != 0;
  rlimit wanted{};
  if (sets)
    if (const int error = copy_limit(pending, arguments[2], wanted); error != 0) return error;
  if (const int error = check_is_caller(pending, pid_of(arguments[0])); error != 0) return error;
  rlimit old{};
  const int error = set_limit(pending, resource_of(arguments[1]), sets ? &wanted : nullptr, &old);
  if (error != 0 || arguments[3] == 0) return error;
  return errno_for_target(write_target(pending, arguments[3], std::as_bytes(std::span(&old, 1))));
}

}  // namespace yett
