/* An application that loads plugins as processes which it does not trust: each in a sandbox of its
 * own, spoken to over a socket pair, killed when it does not answer in time.
 *
 *     yett uapi-shell -m 64M --pids 8 --socket /run/manager.sock &
 *     plugin_host /run/manager.sock 1000 /srv/plugins /bin/upper /bin/crash
 *
 * An answer may take 1000 ms, and /srv/plugins is the root that the plugins see. With yettd it may
 * be a template's name, and there is more to hear of them; where the template's policy has
 * violation = "ask", they may ask for files, and get those below the directory PLUGIN_FILES of the
 * environment. Needs yett/yett.h and -lyett. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <yett/yett.h>

enum { kMostPlugins = 16 };

struct plugin {
  const char* path;
  int sandbox;
  int program;
  int socket; /* -1: nothing more is expected of it */
};

static struct plugin plugins[kMostPlugins];
static int count;
static const char* shared; /* whose files plugins may read; NULL: none */

static void die(const char* what, int error) {
  fprintf(stderr, "plugin_host: %s: %s\n", what, strerror(-error));
  exit(1);
}

static void start(struct yett_host* host, const char* directory, char* path) {
  struct plugin* plugin = &plugins[count++];
  int ends[3];
  char* words[] = {path, NULL};
  char files[4096] = "PLUGIN_FILES=";
  char* environment[] = {files, NULL};
  if (shared != NULL) snprintf(files, sizeof files, "PLUGIN_FILES=%s", shared);
  const int sandbox = yett_create(host, directory);
  if (sandbox < 0) die(directory, sandbox);
  const int program = yett_spawn(host,
                                 &(struct yett_program){.size = sizeof(struct yett_program),
                                                        .sandbox = sandbox,
                                                        .arguments = words,
                                                        .environment = environment,
                                                        .descriptors = {-1, -1, STDERR_FILENO}},
                                 YETT_STDIO_SOCKET, ends);
  if (program < 0) die(path, program);
  *plugin =
      (struct plugin){.path = path, .sandbox = sandbox, .program = program, .socket = ends[0]};
  if (send(plugin->socket, "hello\n", 6, MSG_NOSIGNAL) != 6) perror(path);
}

static void finish(struct plugin* plugin, const char* how) {
  printf("%s: %s\n", plugin->path, how);
  close(plugin->socket);
  plugin->socket = -1;
}

/* One line, or the end of whoever should have written it: that comes as an event, too. */
static void hear(struct plugin* plugin) {
  char line[256];
  const ssize_t got = recv(plugin->socket, line, sizeof line - 1, 0);
  if (got <= 0) return;
  line[got] = '\0';
  line[strcspn(line, "\n")] = '\0';
  finish(plugin, line);
}

/* The path is the file's own, without a link or .. in it, so that what begins alike lies below. */
static int may_read(const struct yett_asked* asked) {
  const size_t length = shared != NULL ? strlen(shared) : 0;
  return length != 0 && asked->access == YETT_GRANT_READ &&
         strncmp(asked->path, shared, length) == 0 && asked->path[length] == '/';
}

/* The plugin waits for it. One that is not open any more was too late, or has died. */
static void answer(struct yett_host* host, const struct plugin* plugin, unsigned long long number) {
  struct yett_asked asked;
  if (yett_read_question(host, plugin->program, number, &asked) < 0) return;
  if (asked.question != number) return;
  const int yes = may_read(&asked);
  const int told =
      yett_answer(host, plugin->program, number, yes ? YETT_ANSWER_ONCE : YETT_ANSWER_DENY, -1);
  if (told < 0 && told != -ENOENT) die(plugin->path, told);
  printf("%s: asked for %s, %s\n", plugin->path, asked.path, yes ? "given" : "denied");
}

/* Of yettd there is more to be heard than ends: what was refused them, what they ask for, and why
 * they ended. */
static void note(struct yett_host* host, const struct yett_event* event) {
  char how[256];
  for (int i = 0; i < count; ++i) {
    if (plugins[i].program != event->program) continue;
    if (event->kind == YETT_EVENT_REFUSED)
      printf("%s: was refused %s\n", plugins[i].path, event->call);
    if (event->kind == YETT_EVENT_ASKED) answer(host, &plugins[i], event->count);
    if (event->kind != YETT_EVENT_ENDED || plugins[i].socket < 0) continue;
    snprintf(how, sizeof how, "ended without an answer, status %d%s%s", event->status,
             event->text[0] != '\0' ? ", " : "", event->text);
    finish(&plugins[i], how);
  }
}

static int waiting(void) {
  int left = 0;
  for (int i = 0; i < count; ++i) left += plugins[i].socket >= 0;
  return left;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What they said first, then who has ended: an answer counts, also of one that dies after it. */
static void serve_until(struct yett_host* host, long deadline) {
  while (waiting() > 0 && now_ms() < deadline) {
    struct pollfd ready[kMostPlugins + 1];
    struct yett_event event;
    ready[0] = (struct pollfd){.fd = yett_event_fd(host), .events = POLLIN};
    for (int i = 0; i < count; ++i)
      ready[i + 1] = (struct pollfd){.fd = plugins[i].socket, .events = POLLIN};
    if (poll(ready, (nfds_t)count + 1, (int)(deadline - now_ms())) <= 0) continue;
    for (int i = 0; i < count; ++i)
      if ((ready[i + 1].revents & POLLIN) != 0) hear(&plugins[i]);
    int told = ready[0].revents != 0;
    while (told && (told = yett_next_event(host, 0, &event)) == 1) note(host, &event);
    if (told < 0) die("the supervisor", told);
  }
}

int main(int argc, char** argv) {
  struct yett_host* host;
  if (argc < 5 || argc - 4 > kMostPlugins) {
    fputs("usage: plugin_host SOCKET MILLISECONDS DIRECTORY PLUGIN...\n", stderr);
    return 2;
  }
  shared = getenv("PLUGIN_FILES");
  const int connected = yett_connect(argv[1], &host);
  if (connected != 0) die(argv[1], connected);
  const int watched = yett_watch(host);
  if (watched < 0 && watched != -ENOTTY) die("events", watched);
  for (int i = 4; i < argc; ++i) start(host, argv[3], argv[i]);
  serve_until(host, now_ms() + atoi(argv[2]));
  for (int i = 0; i < count; ++i) {
    if (plugins[i].socket >= 0) finish(&plugins[i], "killed, for it did not answer");
    yett_remove(host, plugins[i].sandbox);
  }
  yett_disconnect(host);
  return 0;
}
