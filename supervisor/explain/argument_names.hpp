// What the kernel's numbers are called: flags, requests, families. Static tables, for records.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace yett {

struct NamedValue {
  std::uint64_t value;
  const char* name;
};

enum class NameTable {
  open_flags,
  clone_flags,
  mmap_protection,
  access_mode,
  unlink_flags,
  socket_family,
  socket_type,
  ptrace_request,
  prctl_option,
  arch_prctl_option,
  ioctl_request,
  fcntl_command,
  madvise_advice,
  resource,
  seek,
  clock,
  personality,
  keyctl_operation,
  bpf_command,
  mount_flags,
};

// "AF_PACKET (17)"; the bare number when it has no name here.
[[nodiscard]] std::string value_name(NameTable table, std::uint64_t value);
// "O_WRONLY|O_CREAT|0x8000000"; "0" for none.
[[nodiscard]] std::string flag_names(NameTable table, std::uint64_t value);

}  // namespace yett
