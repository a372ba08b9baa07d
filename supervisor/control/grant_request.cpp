// YETT_REQUEST_GRANT: what a program wants to be asked for.
#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <span>

#include "sandbox/policy/paths.hpp"
#include "supervisor/control/control_calls.hpp"
#include "supervisor/control/device_file.hpp"
#include "supervisor/control/sized_struct.hpp"
#include "supervisor/control/target_caller.hpp"
#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/target_error.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kAccess = YETT_GRANT_READ | YETT_GRANT_WRITE;

bool is_understood(const yett_grant& given) {
  return given.kind == YETT_GRANT_FILE && (given.flags & kAccess) != 0 &&
         (given.flags & ~(kAccess | YETT_GRANT_CLOEXEC)) == 0;
}

int open_flags(std::uint32_t flags) {
  const int access = (flags & kAccess) == kAccess      ? O_RDWR
                     : (flags & YETT_GRANT_WRITE) != 0 ? O_WRONLY
                                                       : O_RDONLY;
  return access | ((flags & YETT_GRANT_CLOEXEC) != 0 ? O_CLOEXEC : 0);
}

OpenedFile refused(int error) {
  OpenedFile nothing;
  nothing.error = error;
  return nothing;
}

}  // namespace

bool ControlCalls::wants_file(const seccomp_data& call) const {
  return static_cast<std::uint32_t>(call.args[1]) == YETT_REQUEST_GRANT &&
         (info_.commands >> _IOC_NR(YETT_REQUEST_GRANT) & 1) != 0;
}

OpenedFile ControlCalls::wanted_file(const PendingNotification& pending) const {
  const auto& arguments = pending.data().args;
  if (!is_control_device(pending, arguments[0])) return refused(ENOTTY);
  yett_grant given{};
  const auto into = std::as_writable_bytes(std::span(&given, 1));
  TargetCaller caller(pending);
  if (const int error = read_struct(caller, arguments[2], YETT_GRANT_SIZE_1, into); error != 0)
    return refused(error);
  if (!is_understood(given)) return refused(EINVAL);
  auto path = copy_target_string(pending, given.text);
  if (!path) return refused(errno_of_copy(path.error()));
  const auto normal = normalise_path(*path);
  if (!path->starts_with('/') || !normal) return refused(EINVAL);
  OpenedFile wanted = refused(ENOENT);
  wanted.wanted = {.flags = open_flags(given.flags),
                   .path = std::move(*path),
                   .absolute = *normal,
                   .patience = std::chrono::milliseconds(given.timeout_ms)};
  return wanted;
}

}  // namespace yett
