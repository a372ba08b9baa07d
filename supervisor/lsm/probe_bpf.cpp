// The probes of the two BPF back ends: each tries, sees, and leaves nothing behind.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/klog.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "supervisor/lsm/bpf_object.hpp"
#include "supervisor/lsm/kernel_planes.hpp"

namespace yett {
namespace {

constexpr int kLogBufferSize = 10;  // SYSLOG_ACTION_SIZE_BUFFER: reads a number, changes nothing

constexpr bpf_insn instruction(std::uint8_t code, unsigned to, unsigned from, std::int16_t offset,
                               std::int32_t value) {
  bpf_insn result{};
  result.code = code;
  result.dst_reg = to & 0xf;
  result.src_reg = from & 0xf;
  result.off = offset;
  result.imm = value;
  return result;
}

// if (pid == `pid`) return -EPERM; return 0;
std::array<bpf_insn, 7> deny_one_process(pid_t pid) {
  return {instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_pid_tgid),
          instruction(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32),
          instruction(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, pid),
          instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, -EPERM),
          instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
          instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
          instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
}

bool is_log_readable() { return ::klogctl(kLogBufferSize, nullptr, 0) >= 0; }

Error probe_error(const char* what, int error_number) {
  Error error = errno_error(error_number, "BPF LSM", what);
  error.kind = ErrorKind::unsupported_host;
  return error;
}

}  // namespace

Status probe_bpf_lsm() {
  libbpf_set_print(nullptr);
  const int hook = libbpf_find_vmlinux_btf_id("syslog", BPF_LSM_MAC);
  if (hook <= 0)
    return fail(host_error("BPF LSM", "the kernel has no LSM hooks for BPF or no type information",
                           "a kernel with CONFIG_BPF_LSM and CONFIG_DEBUG_INFO_BTF"));
  const auto program = deny_one_process(::getpid());
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_LSM_MAC;
  options.attach_btf_id = static_cast<std::uint32_t>(hook);
  const UniqueFd loaded(bpf_prog_load(BPF_PROG_TYPE_LSM, "yett_probe", "GPL", program.data(),
                                      program.size(), &options));
  if (!loaded.valid()) return fail(probe_error("load a program", errno));
  if (!is_log_readable()) return fail(probe_error("use the log as a test object", errno));
  const UniqueFd attached(bpf_raw_tracepoint_open(nullptr, loaded.get()));
  if (!attached.valid()) return fail(probe_error("attach a program", errno));
  if (is_log_readable())
    return fail(host_error("BPF LSM", "a program was attached but is not asked",
                           "add bpf to the kernel's lsm= list"));
  return {};
}

Status probe_cgroup_bpf(BorrowedFd cgroup) {
  libbpf_set_print(nullptr);
  const std::array<bpf_insn, 2> allow{instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
                                      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  const UniqueFd loaded(bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "yett_probe", "GPL",
                                      allow.data(), allow.size(), &options));
  if (!loaded.valid()) return fail(errno_error("cgroup BPF", "load a program"));
  if (bpf_prog_attach(loaded.get(), cgroup.get(), BPF_CGROUP_INET4_CONNECT, BPF_F_ALLOW_MULTI) != 0)
    return fail(errno_error("cgroup BPF", "attach a program"));
  bpf_prog_detach2(loaded.get(), cgroup.get(), BPF_CGROUP_INET4_CONNECT);
  return {};
}

}  // namespace yett
