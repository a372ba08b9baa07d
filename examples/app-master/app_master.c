/* An application that is a master of others: of each it says where its package lies, where that is
 * mounted, which directory is its to write, and which of the host's it may write over. An app that
 * dies is begun again, twice; one that will not end is killed.
 *
 *     app_master /run/yettd.sock /srv/packages /srv/data notes crash thief
 *
 * runs /srv/packages/notes.sqfs as an app with /srv/data/notes, and so on. Needs yettd at the
 * socket, yett/yett.h and -lyett. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yett/yett.h>

enum { kMostApps = 16, kMostStarts = 3, kPatienceMs = 60000 };

struct app {
  const char* name;
  char package[256];
  char data_dir[256];
  int starts;
  int program; /* 0: it does not run */
};

static struct app apps[kMostApps];
static int count;

static void die(const char* what, int error) {
  fprintf(stderr, "app_master: %s: %s\n", what, strerror(-error));
  exit(1);
}

static void start(struct yett_host* host, struct app* app) {
  char* arguments[] = {"/app/bin/app", (char*)app->name, app->data_dir, NULL};
  char* overlay_dirs[] = {"/etc", NULL};
  char* options[] = {"-m", "64M", "--pids", "16", NULL};
  const struct yett_request request = {
      .size = sizeof request,
      .package = app->package,
      .exec_dir = "/app",
      .data_dir = app->data_dir,
      .overlay_dirs = overlay_dirs,
      .options = options,
      .arguments = arguments,
      .descriptors = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
  };
  app->program = yett_start_request(host, &request);
  if (app->program < 0) die(app->name, app->program);
  ++app->starts;
}

/* What happened to one of them; one that has died is begun again. */
static void note(struct yett_host* host, const struct yett_event* event) {
  for (int i = 0; i < count; ++i) {
    struct app* app = &apps[i];
    if (app->program != event->program) continue;
    if (event->kind == YETT_EVENT_REFUSED) printf("%s: was refused %s\n", app->name, event->call);
    if (event->kind != YETT_EVENT_ENDED) continue;
    printf("%s: ended, status %d, %s\n", app->name, event->status, event->text);
    app->program = 0;
    if (event->status != 0 && app->starts < kMostStarts) start(host, app);
  }
  fflush(stdout);
}

static int running(void) {
  int left = 0;
  for (int i = 0; i < count; ++i) left += apps[i].program != 0;
  return left;
}

static void name(struct app* app, const char* packages, const char* data, const char* as) {
  app->name = as;
  snprintf(app->package, sizeof app->package, "%s/%s.sqfs", packages, as);
  snprintf(app->data_dir, sizeof app->data_dir, "%s/%s", data, as);
}

int main(int argc, char** argv) {
  struct yett_host* host;
  if (argc < 5 || argc - 4 > kMostApps) {
    fputs("usage: app_master SOCKET PACKAGES DATA APP...\n", stderr);
    return 2;
  }
  const int connected = yett_connect(argv[1], &host);
  if (connected != 0) die(argv[1], connected);
  const int watched = yett_watch(host);
  if (watched < 0) die("events", watched);
  for (int i = 4; i < argc; ++i) {
    name(&apps[count], argv[2], argv[3], argv[i]);
    start(host, &apps[count++]);
  }
  while (running() > 0) {
    struct yett_event event;
    const int told = yett_next_event(host, kPatienceMs, &event);
    if (told < 0) die("yettd", told);
    if (told == 1) note(host, &event);
    for (int i = 0; told == 0 && i < count; ++i)
      if (apps[i].program != 0) yett_kill(host, apps[i].program, SIGKILL);
  }
  yett_disconnect(host);
  return 0;
}
