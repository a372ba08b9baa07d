#include "sandbox/host/copied_descriptors.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include "ioctl_uapi/clone.hpp"

namespace yett {

bool can_copy_descriptors() {
  const auto self = open_pidfd(::getpid());
  if (!self) return false;
  const UniqueFd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, self->get(), self->get(), 0)));
  return copy.valid();
}

}  // namespace yett
