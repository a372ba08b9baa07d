// Kernel constants that are newer than the oldest supported distribution's headers (Debian 12:
// Linux 6.1). One place; each with its first kernel version and header.
#pragma once

#include <linux/seccomp.h>

// 6.6, linux/seccomp.h: switch straight to the woken side, which saves a trip through the
// scheduler.
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
