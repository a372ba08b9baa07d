// PID 1 of a container that stops whatever comes to its pid namespace as soon as it is there, and
// looks at it before it goes on: the window between a process's birth and its program. Prints
// "saw CAPABILITIES USERS ROOT" once for each kind of process that it saw: its permitted
// capabilities, its uids, and whether its root is "ours", "another", "hidden" or "gone" with it.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KINDS 64

static char seen[KINDS][128];
static int seen_count;

static void tell(const char* line) {
  for (int i = 0; i < seen_count; ++i)
    if (strcmp(seen[i], line) == 0) return;
  if (seen_count == KINDS) return;
  snprintf(seen[seen_count++], sizeof seen[0], "%s", line);
  printf("saw %s\n", line);
  fflush(stdout);
}

static const char* root_of(const char* pid) {
  char path[64];
  struct stat theirs, ours;
  snprintf(path, sizeof path, "/proc/%.10s/root", pid);
  if (stat(path, &theirs) != 0) return errno == ENOENT || errno == ESRCH ? "gone" : "hidden";
  if (stat("/", &ours) != 0) exit(1);
  return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino ? "ours" : "another";
}

static void look(const char* pid) {
  char path[64], line[256], uids[96] = "", capabilities[32] = "", kind[128];
  snprintf(path, sizeof path, "/proc/%.10s/status", pid);
  FILE* status = fopen(path, "re");
  if (status == NULL) return;
  while (fgets(line, sizeof line, status) != NULL) {
    sscanf(line, "Uid: %95[^\n]", uids);
    sscanf(line, "CapPrm: %31s", capabilities);
  }
  fclose(status);
  for (char* tab = uids; (tab = strchr(tab, '\t')) != NULL;) *tab = ',';
  snprintf(kind, sizeof kind, "%.31s %.60s %s", capabilities, uids, root_of(pid));
  tell(kind);
}

static void look_at_all(void) {
  DIR* proc = opendir("/proc");
  if (proc == NULL) exit(1);
  for (struct dirent* entry; (entry = readdir(proc)) != NULL;)
    if (atoi(entry->d_name) > 1) look(entry->d_name);
  closedir(proc);
}

int main(void) {
  printf("watching\n");
  fflush(stdout);
  for (;;) {
    if (kill(-1, SIGSTOP) == 0) look_at_all();
    kill(-1, SIGCONT);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
}
