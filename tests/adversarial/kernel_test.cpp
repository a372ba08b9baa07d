// security.md, "Kernel interface": each row is a table of attempts with three answers: of the
// sandbox, of a sandbox without its filter (what stands behind it), and of a root of the host in
// namespaces of its own, where the same attempt succeeds. Alternatives are kernels' differences.
#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"

namespace yett::test {
namespace {

struct Row {
  const char* attempt;
  const char* held;            // under `yett run`
  const char* without_filter;  // nullptr: not looked at
  const char* natively;
};

// The three runs of one attack program, held against its table.
void expect_rows(const char* attack, std::initializer_list<Row> rows,
                 const std::string& native_setup = "") {
  const RunResult held = run_attack({attack});
  EXPECT_EQ(held.exit_status, 0) << held.text();
  const Results inside = results_of(held);
  const Results unfiltered =
      results_of(run_attack_without(without({without_filter(), without_landlock()}), {attack}));
  const Results native = results_of(run_attack_natively({attack}, native_setup));
  for (const Row& row : rows) {
    expect_result(inside, row.attempt, row.held, "inside");
    if (row.without_filter != nullptr)
      expect_result(unfiltered, row.attempt, row.without_filter, "without the filter");
    if (row.natively != nullptr) expect_result(native, row.attempt, row.natively, "natively");
    // A row that holds everywhere would prove nothing.
    EXPECT_TRUE(unfiltered.at(row.attempt) != row.held || native.at(row.attempt) != row.held ||
                std::string(row.held) == "ok")
        << row.attempt << " is the same with and without the layer";
  }
}

class Kernel : public HostUnchanged {};

// SECURITY(no-namespaces), SECURITY(32-bit-arguments)
TEST_F(Kernel, NoNewNamespaces) {
  expect_rows("namespaces", {
                                {"plain_fork", "ok", "ok", "ok"},
                                {"unshare_mnt", "EPERM", "EPERM", "ok"},
                                {"unshare_uts", "EPERM", "EPERM", "ok"},
                                {"unshare_ipc", "EPERM", "EPERM", "ok"},
                                {"unshare_user", "EPERM", "ok|ENOSPC|EPERM", "ok"},
                                {"unshare_pid", "EPERM", "EPERM", "ok"},
                                {"unshare_net", "EPERM", "EPERM", "ok"},
                                {"unshare_cgroup", "EPERM", "EPERM", "ok"},
                                {"unshare_time", "EPERM", "EPERM", "ok|EINVAL"},
                                {"unshare_user_high", "EPERM", "EINVAL|ok", "EINVAL|ok"},
                                {"clone_mnt", "EPERM", "EPERM", "ok"},
                                {"clone_uts", "EPERM", "EPERM", "ok"},
                                {"clone_ipc", "EPERM", "EPERM", "ok"},
                                {"clone_user", "EPERM", "ok|ENOSPC|EPERM", "ok"},
                                {"clone_pid", "EPERM", "EPERM", "ok"},
                                {"clone_net", "EPERM", "EPERM", "ok"},
                                {"clone_cgroup", "EPERM", "EPERM", "ok"},
                                {"clone_user_high", "EPERM", "ok|ENOSPC|EPERM", "ok"},
                                {"clone3_mnt", "ENOSYS", "EPERM", "ok"},
                                {"clone3_uts", "ENOSYS", "EPERM", "ok"},
                                {"clone3_ipc", "ENOSYS", "EPERM", "ok"},
                                {"clone3_user", "ENOSYS", "ok|ENOSPC|EPERM", "ok"},
                                {"clone3_pid", "ENOSYS", "EPERM", "ok"},
                                {"clone3_net", "ENOSYS", "EPERM", "ok"},
                                {"clone3_cgroup", "ENOSYS", "EPERM", "ok"},
                                {"setns_net", "EPERM", "EPERM", "ok"},
                                {"setns_uts", "EPERM", "EPERM", "ok"},
                                {"setns_init_uts", "EACCES", "EACCES", "ok"},
                                {"setns_pidfd", "EPERM", "EPERM", "ok"},
                            });
}

// The native run masks and binds as the sandbox does, so that umount has the same to undo.
TEST_F(Kernel, TheMountTreeIsClosed) {
  expect_rows("mounts",
              {
                  {"make_directory", "ok", "ok", "ok"},
                  {"mount_tmpfs", "EPERM", "EPERM", "ok"},
                  {"mount_proc", "EPERM", "EPERM", "ok"},
                  {"mount_bind", "EPERM", "EPERM", "ok"},
                  {"mount_cgroup", "EPERM", "EPERM", "ok|EBUSY"},
                  {"remount_usr_rw", "EPERM", "EPERM", "ok"},
                  {"make_shared", "EPERM", "EPERM", "ok|EINVAL"},
                  {"umount_tmp", "EPERM", "EPERM", "ok"},
                  {"umount_usr", "EPERM", "EPERM", "ok"},
                  {"umount_mask", "EPERM", "EPERM", "ok"},
                  {"umount_proc", "EPERM", "EPERM", "ok"},
                  {"pivot_root", "EPERM", "EPERM", "EINVAL|EBUSY"},
                  {"chroot", "EPERM", "EPERM", "ok"},
                  {"open_tree", "ENOSYS", "EPERM", "ok"},
                  {"fsopen", "ENOSYS", "EPERM", "ok"},
                  {"fspick", "ENOSYS", "EPERM", "ok|EINVAL"},
                  {"mount_setattr", "ENOSYS", "EPERM", "ok|EINVAL"},
                  {"move_mount", "ENOSYS", "EPERM", "EINVAL|ok"},
              },
              "mount --bind /usr /usr && mount --bind /dev/null /proc/kallsyms");
}

// SECURITY(unknown-numbers)
TEST_F(Kernel, CallsThatNobodyNeeds) {
  expect_rows("kernel_calls",
              {
                  {"io_uring_setup", "ENOSYS", "ok|EPERM", "ok|EPERM"},
                  {"io_setup", "ENOSYS", "ok", "ok"},
                  {"bpf_map", "EPERM", nullptr, "ok"},
                  {"perf_event", "EPERM", nullptr, "ok|ENOENT"},
                  {"userfaultfd_call", "ENOSYS", "ok|EPERM", "ok"},
                  {"add_key", "EPERM", "ok", "ok"},
                  {"request_key", "EPERM", "ENOKEY", "ENOKEY"},
                  {"keyctl_search", "EPERM", "ok", "ok"},
                  {"kexec_load", "SIGSYS", "ENOSYS|EPERM", "ENOSYS|EINVAL|EPERM"},
                  {"kexec_file_load", "SIGSYS", "ENOSYS|EPERM", "ENOSYS|EBADF|EPERM"},
                  {"init_module", "SIGSYS", "ENOSYS|EPERM", nullptr},
                  {"finit_module", "SIGSYS", "ENOSYS|EPERM", nullptr},
                  {"delete_module", "SIGSYS", "ENOSYS|EPERM", "ENOSYS|ENOENT"},
                  {"reboot_call", "SIGSYS", "EPERM|EINVAL", "EINVAL|EPERM"},
                  {"swapon_call", "SIGSYS", "EPERM|ENOSYS", "ENOENT|ENOSYS"},
                  {"acct_call", "SIGSYS", "EPERM|ENOSYS", "ENOENT|ENOSYS"},
                  {"iopl_call", "SIGSYS", "EINVAL|ENOSYS|EPERM", "EINVAL|ENOSYS|EPERM"},
                  {"ioperm_call", "SIGSYS", "EINVAL|ENOSYS|EPERM", "EINVAL|ENOSYS|EPERM"},
                  {"modify_ldt", "SIGSYS", "ok|ENOSYS", "ok|ENOSYS"},
                  {"syslog_call", "EPERM", nullptr, "ok"},
                  {"fanotify", "EPERM", nullptr, "ok"},
                  {"memfd_secret_call", "EPERM", "ok|ENOSYS", "ok|ENOSYS"},
                  {"seccomp_call", "EPERM", "ok", "ok"},
                  {"landlock_call", "EPERM", "ok|EOPNOTSUPP|ENOSYS", "ok|EOPNOTSUPP|ENOSYS"},
                  {"no_randomisation", "EPERM", "ok", "ok"},
                  {"clock_settime_call", "EPERM", "EFAULT", "EFAULT"},
                  {"settimeofday_call", "EPERM", "EFAULT", "EFAULT"},
                  {"sethostname_call", "EPERM", "EPERM", "ok"},
                  {"set_mempolicy", "ENOSYS", nullptr, "ok|ENOSYS"},
                  {"shmget_call", "ENOSYS", "ok", "ok"},
                  {"msgget_call", "ENOSYS", "ok", "ok"},
                  {"mq_open_call", "ENOSYS", "ok", "ok"},
                  {"sched_fifo", "EPERM", nullptr, "ok|EPERM"},
                  {"merge_pages", "EINVAL", "ok|EINVAL", "ok|EINVAL"},
                  {"futex_pi", "ENOSYS", "ok", "ok"},
                  {"splice_call", "EINVAL", "ok", "ok"},
                  {"tee_call", "EINVAL", "ok", "ok"},
                  {"vmsplice_call", "EINVAL", "ok", "ok"},
                  {"name_to_handle", "EPERM", "ok", "ok"},
                  {"open_by_handle", "EPERM", "EPERM", "ok"},
                  {"mknod_fifo", "ok", "ok", "ok"},
                  {"mknod_block", "EPERM", "EPERM", "ok"},
                  {"mknod_char", "EPERM", "EPERM", "ok"},
                  {"mknodat_block", "EPERM", "EPERM", "ok"},
              });
}

// Here the filter has nothing to add: the numbers do not exist, or run before it.
TEST_F(Kernel, NumbersThatAreNone) {
  const Results inside =
      results_of(run_attack({"kernel_calls", "number_600", "number_minus_one", "uretprobe"}));
  EXPECT_EQ(inside.at("number_600"), "ENOSYS");
  EXPECT_EQ(inside.at("number_minus_one"), "ENOSYS");
  EXPECT_TRUE(is_one_of(inside.at("uretprobe"), "SIGILL|SIGSEGV|ENOSYS|EPERM|ENXIO"))
      << inside.at("uretprobe");
}

// SECURITY(non-dumpable): PID 1 was the runtime; no file of it in /proc can be opened.
TEST_F(Kernel, OtherProcesses) {
  expect_rows("processes", {
                               {"ptrace_me", "EPERM", "ok", "ok"},
                               {"ptrace_seize_init", "EPERM", "EPERM", "ok"},
                               {"vm_read_parent", "EPERM", "ok|EPERM", "ok"},
                               {"vm_write_parent", "EPERM", "ok|EPERM", "ok"},
                               {"vm_read_init", "EPERM", "EPERM", "ok"},
                               {"getfd_parent", "EPERM", "ok|EPERM", "ok"},
                               {"getfd_init", "EPERM", "EPERM", "ok"},
                               {"kcmp_init", "EPERM", "EPERM|ENOSYS", "ok|ENOSYS"},
                               {"kcmp_parent", "EPERM", "ok|ENOSYS", "ok|ENOSYS"},
                               {"init_mem_read", "EACCES", "EACCES", "ok"},
                               {"init_mem_write", "EACCES", "EACCES", "ok"},
                               {"init_exe_read", "EACCES", "EACCES", "ok"},
                               {"init_exe_write", "EACCES", "EACCES", "ETXTBSY"},
                               {"init_maps", "EACCES", "EACCES", "ok"},
                               {"init_environ", "EACCES", "EACCES", "ok"},
                               {"init_root", "EACCES", "EACCES", "ok"},
                               {"init_cwd", "EACCES", "EACCES", "ok|ENOENT"},
                               {"init_ns", "EACCES", "EACCES", "ok"},
                               {"init_fds", "EACCES", "EACCES", "ok"},
                               {"own_mem_write", "EROFS", "EROFS", "ok"},
                               {"send_pidfd_signal", "EPERM", "ok", "ok"},
                               {"queue_signal", "EPERM", "EFAULT", "EFAULT"},
                           });
}

// Whatever kill says (Landlock's signal scope says EPERM where the kernel has it), the sandbox
// lives on: the attempts after it are made, and the exit status arrives.
TEST_F(Kernel, SignalsStayInside) {
  const RunResult run = run_attack({"processes", "kill_init", "stop_init", "signal_host"});
  const Results inside = results_of(run);
  EXPECT_EQ(run.exit_status, 0) << run.text();
  EXPECT_TRUE(is_one_of(inside.at("kill_init"), "EPERM|ok"));
  EXPECT_EQ(inside.at("signal_host"), "ESRCH");
  // A sibling of the same kind is reached: the scan itself works.
  const RunResult pair = run_yett(
      {"run", "-v", kAttackVolume, "--", "sh", "-c", "sleep 30 & /attacks/processes signal_host"});
  EXPECT_EQ(pair.out, "signal_host ok\n") << pair.text();
  // And without a process namespace of its own it reaches the host's, by signal 0.
  const RunResult outside = run_program({kAttacks + "/processes", "signal_host"});
  EXPECT_EQ(outside.out, "signal_host ok\n") << outside.text();
}

// SECURITY(socket-families)
TEST_F(Kernel, OnlyThreeSocketFamilies) {
  const Results inside = results_of(run_attack({"socket_families"}));
  const Results native = results_of(run_attack_natively({"socket_families"}));
  int others = 0;
  for (int family = 0; family < 64; ++family) {
    const std::string name = "family_" + std::to_string(family);
    const bool permitted = family == 1 || family == 2 || family == 10;
    EXPECT_EQ(inside.at(name), permitted ? "ok" : "EAFNOSUPPORT") << name;
    if (!permitted && native.at(name) == "ok") ++others;
  }
  EXPECT_GE(others, 2) << "natively, at least netlink and packet can be made";
}

// SECURITY(socket-families), SECURITY(socket-options)
TEST_F(Kernel, SocketTypesAndOptions) {
  expect_rows("sockets", {
                             {"nodelay", "ok", "ok", "ok"},
                             {"unix_pair", "ok", "ok", "ok"},
                             {"raw_icmp", "EAFNOSUPPORT", "EPERM", "ok"},
                             {"ping", "EAFNOSUPPORT", "EACCES|ok", "EACCES|ok"},
                             {"mptcp", "EAFNOSUPPORT", "ok|EPROTONOSUPPORT|ENOPROTOOPT",
                              "ok|EPROTONOSUPPORT|ENOPROTOOPT"},
                             {"raw_unix", "EAFNOSUPPORT", "ok", "ok"},
                             {"netlink_route", "EAFNOSUPPORT", "ok", "ok"},
                             {"packet", "EAFNOSUPPORT", "EPERM", "ok|EAFNOSUPPORT"},
                             {"high_bits", "EAFNOSUPPORT", "ok", "ok"},
                             {"inet_pair", "EAFNOSUPPORT", "EOPNOTSUPP", "EOPNOTSUPP"},
                             {"tcp_ulp", "ENOPROTOOPT", "ENOENT|ENOTCONN", "ENOENT|ENOTCONN"},
                             {"attach_filter", "ENOPROTOOPT", nullptr, "ok"},
                             {"mark", "ENOPROTOOPT", "EPERM", "ok"},
                             {"bind_device", "ENOPROTOOPT", "ok|EPERM", "ok"},
                             {"interface_ioctl", "EPERM", "ok", "ok"},
                         });
}

// SECURITY(terminal-injection), SECURITY(32-bit-arguments): the kernel looks at the lower half of
// an ioctl's number; so does the filter.
TEST_F(Kernel, NoTypingIntoTerminals) {
  expect_rows("terminals", {
                               {"window_size", "ok", "ok", "ok"},
                               {"tiocsti", "EPERM", "ok|EIO", "ok"},
                               {"tiocsti_high", "EPERM", "ok|EIO", "ok"},
                               {"tiocsti_sign", "EPERM", "ok|EIO", "ok"},
                               {"tioclinux", "EPERM", "ENOTTY", "ENOTTY"},
                               {"tioclinux_high", "EPERM", "ENOTTY", "ENOTTY"},
                               {"tiocsetd", "EPERM", "ok", "ok"},
                               {"tiocexcl", "EPERM", "ok", "ok"},
                           });
}

}  // namespace
}  // namespace yett::test
