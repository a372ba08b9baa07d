#include "ioctl_uapi/bpf_program.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace yett {
namespace {

long bpf(bpf_cmd command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

// The kernel refuses attributes of a command that are not zero beyond its own.
bpf_attr no_attributes() {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  return attributes;
}

}  // namespace

Result<UniqueFd> load_device_program(std::span<const bpf_insn> program) {
  static constexpr char kLicence[] = "Apache-2.0";  // no helper is called that asks for the GPL
  bpf_attr attributes = no_attributes();
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<std::uint64_t>(program.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  attributes.license = reinterpret_cast<std::uint64_t>(kLicence);
  std::memcpy(attributes.prog_name, "yett_devices", sizeof "yett_devices");
  UniqueFd loaded(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (!loaded.valid()) return fail(errno_error("load device rules"));
  return loaded;
}

Status attach_device_program(BorrowedFd cgroup, BorrowedFd program) {
  bpf_attr attributes = no_attributes();
  attributes.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (bpf(BPF_PROG_ATTACH, attributes) != 0) return fail(errno_error("attach device rules"));
  return {};
}

}  // namespace yett
