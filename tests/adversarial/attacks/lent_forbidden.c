// What a sandbox with lent sockets must not come to do, again and again until it is ended: a
// supervisor that dies or stands still in the middle of lending must not open a door. Each act that
// succeeds leaves a file in /data (or the directory given) that tells. Ports by OPEN (may be
// reached), OTHER (served, and may not) and LISTEN (may be listened at).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char* place = "/data";
static struct sockaddr_in name_server = {.sin_family = AF_INET};

static void tell(const char* name) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", place, name);
  const int file = open(path, O_WRONLY | O_CREAT, 0600);
  if (file >= 0) close(file);
}

static struct sockaddr_in at(const char* port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(getenv(port)))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}
static int connect_to(int made, const char* port) {
  const struct sockaddr_in to = at(port);
  return connect(made, (const struct sockaddr*)&to, sizeof to);
}

// A call that says it made a socket has made one.
static int make(int type) {
  const int made = socket(AF_INET, type, 0);
  int kind = 0;
  socklen_t size = sizeof kind;
  if (made >= 0 && (getsockopt(made, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 || kind != type))
    tell("nothing_given");
  return made;
}

static void try_to_listen(void) {
  const int anywhere = make(SOCK_STREAM);
  if (anywhere >= 0 && listen(anywhere, 1) == 0) tell("listened");
  close(anywhere);
  const int allowed = make(SOCK_STREAM);
  const struct sockaddr_in to = at("LISTEN");
  const int on = 1;
  setsockopt(allowed, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (allowed >= 0 && bind(allowed, (const struct sockaddr*)&to, sizeof to) == 0)
    listen(allowed, 1);
  close(allowed);
  const int local = socket(AF_UNIX, SOCK_STREAM, 0);
  const struct sockaddr_un nowhere = {.sun_family = AF_UNIX};
  if (bind(local, (const struct sockaddr*)&nowhere, sizeof nowhere.sun_family) == 0)
    listen(local, 1);
  close(local);
}

static void try_to_reach(void) {
  const int stream = make(SOCK_STREAM), other = make(SOCK_STREAM), packets = make(SOCK_DGRAM);
  connect_to(stream, "OPEN");
  if (other >= 0 && connect_to(other, "OTHER") == 0) tell("connected");
  const struct sockaddr_in to = at("OTHER");
  if (packets >= 0 && sendto(packets, "x", 1, 0, (const struct sockaddr*)&to, sizeof to) == 1)
    tell("sent");
  close(stream), close(other), close(packets);
}

// A question for "NAME.test", both of them five letters or less; addresses in the answer, or -1.
static int ask_for(const char* name) {
  unsigned char question[64] = {0, 7, 1, 0, 0, 1};
  size_t size = 12;
  const char* const labels[] = {name, "test"};
  for (size_t i = 0; i < 2; ++i) {
    question[size++] = (unsigned char)strlen(labels[i]);
    memcpy(question + size, labels[i], strlen(labels[i]));
    size += strlen(labels[i]);
  }
  const unsigned char end[] = {0, 0, 1, 0, 1};
  memcpy(question + size, end, sizeof end);
  size += sizeof end;
  const int made = make(SOCK_DGRAM);
  const struct timeval patience = {0, 100000};
  setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sendto(made, question, size, 0, (const struct sockaddr*)&name_server, sizeof name_server);
  unsigned char answer[512];
  const ssize_t got = recv(made, answer, sizeof answer, 0);
  close(made);
  return got < 12 ? -1 : answer[6] * 256 + answer[7];
}

static void find_name_server(void) {
  char line[128];
  FILE* file = fopen("/etc/resolv.conf", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, "nameserver ", 11) == 0) {
      line[strcspn(line, "\n")] = 0;
      inet_pton(AF_INET, line + 11, &name_server.sin_addr);
    }
  if (file != NULL) fclose(file);
  name_server.sin_port = htons(53);
}

int main(int argc, char** argv) {
  if (argc > 1) place = argv[1];
  find_name_server();
  tell("started");
  for (;;) {
    try_to_reach();
    try_to_listen();
    if (ask_for("shop") == 1) tell("started_names");
    if (ask_for("other") > 0) tell("named");
    if (getenv("ONCE") != NULL) return 0;
  }
}
