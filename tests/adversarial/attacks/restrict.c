// YETT_RESTRICT_SELF, used as yett/uapi.h says and as it says not to.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/utsname.h>
#include <yett/restrict.h>

#include "attempt.h"

static int device(void) { return open(YETT_DEVICE, O_RDWR | O_CLOEXEC); }

static char problem[128];

static long narrow(const char* policy) {
  memset(problem, 0, sizeof problem);
  return yett_restrict_self(device(), policy, problem);
}

static long expect(int holds) {
  if (holds) return 0;
  errno = EBADE;
  return -1;
}

// What is refused, and that the reason names this.
static long refused(const char* policy, const char* named) {
  if (narrow(policy) == 0) return 0;
  const int error = errno;
  if (strstr(problem, named) == NULL) fprintf(stderr, "%s\n", problem);
  errno = strstr(problem, named) != NULL ? error : EBADE;
  return -1;
}

static const char kNoSessions[] = "[syscalls]\ndeny = [\"getsid\", \"getpgid\"]\n";

static long is_refused(long result) { return expect(result == -1 && errno == EPERM); }

static long before(void) { return getsid(0) > 0 ? 0 : -1; }
static long taken_away(void) { return narrow(kNoSessions) != 0 ? -1 : is_refused(getsid(0)); }
static long others_stay(void) {
  return narrow(kNoSessions) != 0 ? -1 : getpgid(0) < 0 && getppid() > 0 ? 0 : -1;
}
static long of_children(void) {
  if (narrow(kNoSessions) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) _exit(is_refused(getsid(0)) == 0 ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  return expect(status == 0);
}
static long twice(void) {
  if (narrow(kNoSessions) != 0 || narrow("[syscalls]\ndeny = [\"uname\"]\n") != 0) return -1;
  struct utsname name;
  return expect(is_refused(getsid(0)) == 0 && is_refused(uname(&name)) == 0);
}
static long given_back(void) {  // deny alone cannot allow what was denied
  if (narrow(kNoSessions) != 0 || narrow("[syscalls]\ndeny = [\"uname\"]\n") != 0) return -1;
  return getsid(0);
}
static long supervisor_stays(void) {
  struct yett_stat used = {.size = sizeof used};
  return narrow(kNoSessions) != 0 ? -1 : ioctl(device(), YETT_STAT, &used);
}

static long files(void) { return refused("[files]\nread = [\"/usr\"]\n", "files.read"); }
static long with_files(void) {
  return refused("[files]\nread = [\"/usr\"]\n[syscalls]\ndeny = [\"getsid\"]\n", "files.read");
}
static long network(void) { return refused("[network]\nconnect = []\n", "network.connect"); }
static long extends(void) { return refused("extends = \"none\"\n", "extends"); }
static long allows(void) { return refused("[syscalls]\nallow = [\"ptrace\"]\n", "syscalls.allow"); }
static long no_policy(void) { return refused("[syscalls\n", "restrict:1"); }
static long no_call(void) { return refused("[syscalls]\ndeny = [\"getsidd\"]\n", "getsidd"); }
static long nothing(void) { return refused("[syscalls]\ndeny = []\n", "names no call"); }
static long empty(void) { return refused("", ""); }
static long too_long(void) {
  static char text[YETT_POLICY_MAX + 2];
  memset(text, '\n', YETT_POLICY_MAX + 1);
  return refused(text, "");
}

static struct sock_filter room[YETT_FILTER_MAX];
static long ask(struct yett_restrict* wanted, unsigned size) {
  wanted->size = size;
  wanted->policy = (unsigned long)kNoSessions;
  wanted->policy_size = sizeof kNoSessions - 1;
  if (wanted->filter == 0) wanted->filter = (unsigned long)room;
  return ioctl(device(), YETT_RESTRICT_SELF, wanted);
}
static long no_room(void) {
  struct yett_restrict wanted = {.filter_room = 8};
  const long result = ask(&wanted, sizeof wanted);
  if (result != -1 || errno != ENOSPC) return result;
  if (wanted.filter_length != 9 || room[0].code != 0) return expect(0);
  errno = ENOSPC;
  return -1;
}
static long exact_room(void) {
  struct yett_restrict wanted = {.filter_room = 9};
  return ask(&wanted, sizeof wanted) != 0 ? -1 : expect(wanted.filter_length == 9);
}
static long bad_filter(void) {
  struct yett_restrict wanted = {.filter = 8, .filter_room = YETT_FILTER_MAX};
  return ask(&wanted, sizeof wanted);
}
static long size_small(void) {
  struct yett_restrict wanted = {.filter_room = YETT_FILTER_MAX};
  return ask(&wanted, sizeof wanted - 1);
}
struct later {
  struct yett_restrict known;
  char more[64];
};
static long larger(void) {
  struct later wanted = {.known = {.filter_room = YETT_FILTER_MAX}};
  return ask(&wanted.known, sizeof wanted);
}
static long larger_nonzero(void) {
  struct later wanted = {.known = {.filter_room = YETT_FILTER_MAX}, .more = {1}};
  return ask(&wanted.known, sizeof wanted);
}

static const struct attempt kAttempts[] = {{"before", before},
                                           {"taken_away", taken_away},
                                           {"others_stay", others_stay},
                                           {"of_children", of_children},
                                           {"twice", twice},
                                           {"given_back", given_back},
                                           {"supervisor_stays", supervisor_stays},
                                           {"files", files},
                                           {"with_files", with_files},
                                           {"network", network},
                                           {"extends", extends},
                                           {"allows", allows},
                                           {"no_policy", no_policy},
                                           {"no_call", no_call},
                                           {"nothing", nothing},
                                           {"empty", empty},
                                           {"too_long", too_long},
                                           {"no_room", no_room},
                                           {"exact_room", exact_room},
                                           {"bad_filter", bad_filter},
                                           {"size_small", size_small},
                                           {"larger", larger},
                                           {"larger_nonzero", larger_nonzero}};

int main(int argc, char** argv) {
  return make_attempts(kAttempts, sizeof kAttempts / sizeof kAttempts[0], argc, argv);
}
