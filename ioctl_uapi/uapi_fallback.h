// Kernel constants that are newer than the oldest supported distribution's headers (Debian 12:
// Linux 6.1). One place; each with its first kernel version and header.
#pragma once

#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/seccomp.h>

// 6.6, linux/seccomp.h: switch straight to the woken side, which saves a trip through the
// scheduler.
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

// 6.9, linux/pidfd.h: pidfd_open(2) of a thread.
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
// 6.11, linux/pidfd.h: descriptors of a task's namespaces.
#ifndef PIDFD_GET_NET_NAMESPACE
#define PIDFD_GET_NET_NAMESPACE _IO(0xFF, 4)
#endif
#ifndef PIDFD_GET_USER_NAMESPACE
#define PIDFD_GET_USER_NAMESPACE _IO(0xFF, 9)
#endif
