/* SPDX-License-Identifier: Apache-2.0
 *
 * Narrows the calling thread's policy, and that of all it begins from then on. Not undone by
 * anything; other threads stay as they are. Needs libc.
 */
#ifndef YETT_RESTRICT_H
#define YETT_RESTRICT_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <yett/uapi.h>

/* `yett`: of open(YETT_DEVICE). `policy`: as for YETT_RESTRICT_SELF. 0, or -1 and errno, with
 * nothing narrowed: of YETT_RESTRICT_SELF, or of seccomp(2). `problem` (null: not wanted) gets the
 * reason for EINVAL and EOPNOTSUPP. */
static inline int yett_restrict_self(int yett, const char* policy, char problem[128]) {
  struct sock_filter filter[YETT_FILTER_MAX];
  struct yett_restrict wanted;
  struct sock_fprog program;
  memset(&wanted, 0, sizeof wanted);
  wanted.size = sizeof wanted;
  wanted.policy_size = (__u32)strlen(policy);
  wanted.policy = (__u64)(unsigned long)policy;
  wanted.filter = (__u64)(unsigned long)filter;
  wanted.filter_room = YETT_FILTER_MAX;
  if (ioctl(yett, YETT_RESTRICT_SELF, &wanted) != 0) {
    const int error = errno;
    if (problem != NULL) memcpy(problem, wanted.problem, sizeof wanted.problem);
    errno = error;
    return -1;
  }
  program.len = (unsigned short)wanted.filter_length;
  program.filter = filter;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

#endif
