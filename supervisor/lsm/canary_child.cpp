#include "supervisor/lsm/canary_child.hpp"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "ioctl_uapi/lsm_policy.h"

namespace yett {
namespace {

long bpf(int command, union bpf_attr* attributes) {
  return ::syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

bool label_self(const CanaryOrder& order) {
  const int self = static_cast<int>(::syscall(SYS_pidfd_open, ::syscall(SYS_getpid), 0));
  yett_label label{.policy = YETT_CANARY_POLICY, .generation = order.generation};
  union bpf_attr attributes{};
  attributes.map_fd = static_cast<std::uint32_t>(order.labels);
  attributes.key = reinterpret_cast<std::uintptr_t>(&self);
  attributes.value = reinterpret_cast<std::uintptr_t>(&label);
  const bool done = self >= 0 && bpf(BPF_MAP_UPDATE_ELEM, &attributes) == 0;
  if (self >= 0) ::syscall(SYS_close, self);
  return done;
}

// Harmless: asks for the first program's id. ENOENT would mean that it was permitted.
bool is_refused() {
  union bpf_attr attributes{};
  return bpf(BPF_PROG_GET_NEXT_ID, &attributes) != 0 && errno == EPERM;
}

}  // namespace

int canary_child(void* argument) {
  const auto& order = *static_cast<const CanaryOrder*>(argument);
  if (is_refused()) return static_cast<int>(CanaryAnswer::still_open);
  if (!label_self(order)) return static_cast<int>(CanaryAnswer::no_label);
  return static_cast<int>(is_refused() ? CanaryAnswer::refused : CanaryAnswer::not_refused);
}

}  // namespace yett
