// Ways to what is outside: sockets of the host by abstract name, descriptors passed in by a helper
// outside, keys, the caller's terminal. The host's side is made by the test.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "attempt.h"

static long connect_to(const char* name, size_t length) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, name, length);
  const int made = socket(AF_UNIX, SOCK_STREAM, 0);
  if (made < 0) return -1;
  const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  return connect(made, (struct sockaddr*)&address, size) < 0 ? -1 : made;
}

static long abstract_socket(void) {
  char name[64] = "";
  const int length = snprintf(name + 1, sizeof name - 1, "yett-canary-%s", getenv("CANARY"));
  return connect_to(name, (size_t)length + 1);
}

// A directory of the host, given by the process that listens at /data/socket.
static int received_directory(void) {
  const long channel = connect_to("/data/socket", sizeof "/data/socket");
  if (channel < 0) return -1;
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec vector = {&byte, 1};
  struct msghdr message = {.msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  if (recvmsg((int)channel, &message, 0) != 1) return -1;
  const struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == NULL) {
    errno = ENODATA;
    return -1;
  }
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}
static long below_received(const char* path, int flags) {
  const int directory = received_directory();
  return directory < 0 ? -1 : openat(directory, path, flags, 0600);
}
static long passed_private(void) { return below_received("canary", O_RDONLY); }
static long passed_shared(void) { return below_received("open-canary", O_RDONLY); }
static long passed_create(void) { return below_received("made-inside", O_WRONLY | O_CREAT); }
static long passed_upwards(void) { return below_received("../../../../../etc/shadow", O_RDONLY); }

static long host_key(void) { return syscall(SYS_keyctl, 10, -3, "user", "yett-canary", 0); }

static long type_into_stdin(void) { return ioctl(0, TIOCSTI, ""); }
static long open_tty(void) { return open("/dev/tty", O_RDWR); }

#define ATTEMPT(name) {#name, name}
static const struct attempt kAttempts[] = {
    ATTEMPT(abstract_socket), ATTEMPT(passed_private), ATTEMPT(passed_shared),
    ATTEMPT(passed_create),   ATTEMPT(passed_upwards), ATTEMPT(host_key),
    ATTEMPT(type_into_stdin), ATTEMPT(open_tty),
};

ATTEMPTS_MAIN(kAttempts)
