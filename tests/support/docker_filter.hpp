// What Docker's default seccomp profile refuses of what yett does with more rights: as inside an
// ordinary container.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

namespace yett::test {

inline constexpr std::array kRefusedInContainers{SYS_unshare,         SYS_setns,
                                                 SYS_mount,           SYS_umount2,
                                                 SYS_pivot_root,      SYS_bpf,
                                                 SYS_perf_event_open, SYS_fanotify_init,
                                                 SYS_keyctl,          SYS_add_key,
                                                 SYS_request_key,     SYS_userfaultfd,
                                                 SYS_sethostname,     SYS_setdomainname,
                                                 SYS_io_uring_setup,  SYS_open_by_handle_at,
                                                 SYS_open_tree,       SYS_move_mount,
                                                 SYS_fsopen,          SYS_fsconfig,
                                                 SYS_fsmount,         SYS_mount_setattr,
                                                 SYS_quotactl,        SYS_kcmp,
                                                 SYS_pidfd_getfd,     SYS_process_madvise,
                                                 SYS_chroot};
inline constexpr unsigned kNewNamespaces = 0x7E020000;  // CLONE_NEW*

// In the calling process and all it starts. As root, or with no_new_privs.
inline void confine_as_in_a_container() {
  const auto answer = [](int error) {
    return sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)};
  };
  const auto load = [](std::size_t at) {
    return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<unsigned>(at)};
  };
  const auto unless = [](long number, unsigned char skipped) {
    return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, skipped, static_cast<unsigned>(number)};
  };
  std::vector<sock_filter> program{load(offsetof(seccomp_data, nr))};
  for (const long number : kRefusedInContainers) {
    program.push_back(unless(number, 1));
    program.push_back(answer(EPERM));
  }
  program.push_back(unless(SYS_clone3, 1));
  program.push_back(answer(ENOSYS));
  program.push_back(unless(SYS_clone, 3));
  program.push_back(load(offsetof(seccomp_data, args)));
  program.push_back({BPF_JMP | BPF_JSET | BPF_K, 0, 1, kNewNamespaces});
  program.push_back(answer(EPERM));
  program.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                          .filter = program.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) ::_exit(124);
}

}  // namespace yett::test
