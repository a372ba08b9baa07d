/* A program of the host's that makes a sandbox over the control socket, with nothing but the C
 * library and yett/uapi.h:
 *
 *     yett uapi-shell --socket /run/manager.sock &
 *     control_client /run/manager.sock /srv/roots/box /bin/sh -c 'echo hello; exit 7'
 *
 * The program has this one's standard input, output and error; its exit status is ours. Without a
 * directory it tells who answers and what is used, as any sandbox's own socket does, too:
 *
 *     control_client /run/yett/oci/NAME/control
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <yett/uapi.h>

struct message {
  struct yett_frame head;
  unsigned char memory[YETT_FRAME_MAX];
};

static int connection;
static struct message message;

static void die(const char* what) {
  perror(what);
  exit(125);
}

static void connect_to(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) errno = ENAMETOOLONG, die(path);
  strcpy(address.sun_path, path);
  connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (connect(connection, (struct sockaddr*)&address, sizeof address) != 0) die(path);
}

/* The message, with standard input, output and error. */
static ssize_t send_with_streams(void) {
  static const int streams[3] = {0, 1, 2};
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof streams)];
  } control = {.head = {.cmsg_len = CMSG_LEN(sizeof streams),
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS}};
  struct iovec bytes = {&message, sizeof message.head + message.head.size};
  struct msghdr whole = {.msg_iov = &bytes,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof control.room};
  memcpy(CMSG_DATA(&control.head), streams, sizeof streams);
  return sendmsg(connection, &whole, MSG_NOSIGNAL);
}

static void receive(void) {
  if (recv(connection, &message, sizeof message, 0) < (ssize_t)sizeof message.head) {
    fputs("the supervisor has gone\n", stderr);
    exit(125);
  }
}

/* As ioctl(2), on the first `size` bytes of message.memory. */
static int call(unsigned command, unsigned long argument, size_t size) {
  message.head = (struct yett_frame){.magic = YETT_FRAME_MAGIC,
                                     .version = YETT_FRAME_VERSION,
                                     .command = command,
                                     .argument = argument,
                                     .size = size};
  const ssize_t sent = command == YETT_SPAWN
                           ? send_with_streams()
                           : send(connection, &message, sizeof message.head + size, MSG_NOSIGNAL);
  if (sent < 0) die("send");
  receive();
  if (message.head.result >= 0) return message.head.result;
  errno = -message.head.result;
  return -1;
}

static int tell(void) {
  struct yett_info info = {.size = sizeof info};
  struct yett_stat used = {.size = sizeof used};
  memcpy(message.memory, &info, sizeof info);
  if (call(YETT_INFO, 0, sizeof info) != 0) die("INFO");
  memcpy(&info, message.memory, sizeof info);
  memcpy(message.memory, &used, sizeof used);
  if (call(YETT_STAT, 0, sizeof used) != 0) die("STAT");
  memcpy(&used, message.memory, sizeof used);
  printf("sandbox=%s policy=%s mode=%s memory=%llu/%llu processes=%llu/%llu\n", info.sandbox,
         info.policy, info.mode, (unsigned long long)used.memory_bytes,
         (unsigned long long)used.memory_limit, (unsigned long long)used.process_count,
         (unsigned long long)used.process_limit);
  return 0;
}

/* Puts a string there; the place of the next. */
static size_t put(size_t at, const char* text) {
  const size_t size = strlen(text) + 1;
  if (at + size > sizeof message.memory) errno = E2BIG, die(text);
  memcpy(message.memory + at, text, size);
  return at + size;
}

static int run(char** words) {
  const int sandbox = (int)call(YETT_CREATE, 0, put(0, words[0]));
  if (sandbox < 0) die(words[0]);
  struct yett_spawn_call wanted = {
      .size = sizeof wanted, .sandbox = sandbox, .environment_count = 1, .strings = sizeof wanted};
  size_t end = sizeof wanted;
  for (char** word = words + 1; *word != NULL; ++word, ++wanted.argument_count)
    end = put(end, *word);
  end = put(end, "PATH=/bin:/usr/bin");
  wanted.strings_size = end - sizeof wanted;
  memcpy(message.memory, &wanted, sizeof wanted);
  if (call(YETT_SPAWN, 0, end) < 0) die(words[1]);
  do receive();
  while (message.head.command != YETT_ENDED);
  return message.head.result;
}

int main(int argc, char** argv) {
  if (argc != 2 && argc < 4) {
    fputs("usage: control_client SOCKET [DIRECTORY PROGRAM [ARGUMENT...]]\n", stderr);
    return 125;
  }
  connect_to(argv[1]);
  return argc == 2 ? tell() : run(argv + 2);
}
