// From a failure of ours to the errno that the target gets.
#pragma once

#include <cerrno>

#include "base/result.hpp"

namespace yett {

// 0 for success, EFAULT where the target's pointer was bad; any other failure is the supervisor's
// own and reads EIO: never success. SECURITY(fail-closed)
[[nodiscard]] inline int errno_for_target(const Status& status) {
  if (status) return 0;
  return status.error().sys_errno == EFAULT ? EFAULT : EIO;
}

// The same for a copy of a string or an opening of the target's files, which fail in more ways.
[[nodiscard]] inline int errno_of_copy(const Error& error) {
  switch (error.sys_errno) {
    case EFAULT:
    case ENAMETOOLONG:
    case EBADF:
    case ERANGE:
      return error.sys_errno;
    default:
      return EIO;
  }
}

}  // namespace yett
