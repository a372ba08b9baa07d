// Its first acts are forbidden ones; each that succeeds leaves a file in /data (or the directory
// given) that tells. Then it tries on and on, until it is ended: a supervisor that dies must not
// open a door.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char* place = "/data";

static void tell(const char* name) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", place, name);
  const int file = open(path, O_WRONLY | O_CREAT, 0600);
  if (file >= 0) close(file);
}

int main(int argc, char** argv) {
  if (argc > 1) place = argv[1];
  tell("started");
  for (;;) {
    if (syscall(SYS_unshare, CLONE_NEWUSER) == 0) tell("unshare");
    if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0) tell("netlink");
    if (syscall(SYS_splice, -1, 0, -1, 0, 0, 0) == 0) tell("splice");
    const unsigned long limit[2] = {1UL << 20, 1UL << 20};
    if (syscall(SYS_prlimit64, 0, 7, limit, 0) == 0) tell("limit");
    if (open("/host-canary", O_WRONLY) >= 0) tell("canary");
  }
}
