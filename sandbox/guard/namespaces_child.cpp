#include "sandbox/guard/namespaces_child.hpp"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace yett {

ChildResult set_hostname(const SandboxPlan& plan) {
  return from_libc(::sethostname(plan.hostname.data(), plan.hostname.size()));
}

ChildResult raise_loopback() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  struct ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const ChildResult result = from_libc(::ioctl(socket, SIOCSIFFLAGS, &request));
  ::close(socket);
  return result;
}

ChildResult set_sysctls(const SandboxPlan& plan) {
  for (const SysctlEntry& sysctl : plan.namespaces.sysctls) {
    const int file = ::open(sysctl.path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno;
    const ChildResult result = from_libc(::write(file, sysctl.value.data(), sysctl.value.size()));
    ::close(file);
    YETT_STEP(result);
  }
  return kDone;
}

ChildResult join_new_session_keyring() {
  const ChildResult result = from_libc(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr));
  return result == ENOSYS ? kDone : result;  // a kernel without keys has none to protect
}

}  // namespace yett
