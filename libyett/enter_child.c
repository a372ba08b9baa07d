/* The application's child that comes into a sandbox, and the function's process: what the launch of
 * a program does there (sandbox/launch), in C and with libc alone. From fork on nothing is
 * allocated. Raw system calls where libc's own would have to do with threads. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libyett/enter.h"

enum { kCannotRun = 126 };

static int from_libc(long result) { return result < 0 ? errno : 0; }

/* ---- the child that joins -----------------------------------------------------------------------
 */

static int close_from_to(int first, int last) {
  if (first > last) return 0;
  return from_libc(syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0));
}

/* Above the standard ones; `kept` is in order. */
static int close_all_but(const int* kept, size_t count) {
  int next = 3;
  for (size_t i = 0; i < count; ++i) {
    if (kept[i] < next) continue;
    const int closed = close_from_to(next, kept[i] - 1);
    if (closed != 0) return closed;
    next = kept[i] + 1;
  }
  return from_libc(syscall(SYS_close_range, (unsigned)next, ~0U, 0));
}

/* The application's connection, first of all: yettd hears of the application's death by its end. */
int enter_let_go(struct entering* entering) {
  return close_all_but(entering->needed, entering->needed_count);
}

/* SECURITY(enter-hidden): what is in a sandbox with the application's memory is nobody's to open
 * before it is held as all there is in it. */
int enter_hide(struct entering* entering) {
  (void)entering;
  return from_libc(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

/* What its cgroup's limits rest on: that of the processor holds no real-time process, and that of
 * memory nobody whom the OOM killer is told to spare. */
int enter_standing(struct entering* entering) {
  const struct sched_param none = {0};
  const size_t length = strlen(entering->oom_score_adj);
  if (sched_setscheduler(0, SCHED_OTHER, &none) != 0) return errno;
  if (setpriority(PRIO_PROCESS, 0, entering->offer.nice) != 0) return errno;
  if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0) != 0 && errno != ENOSYS) return errno;
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return errno;
  const int result = write(file, entering->oom_score_adj, length) == (ssize_t)length ? 0 : errno;
  close(file);
  return result;
}

/* While this is root of the host still, who alone may raise them. After this it opens nothing. */
int enter_limits(struct entering* entering) {
  const struct yett_entrance* offer = &entering->offer;
  for (size_t i = 0; i < offer->limit_count && i < YETT_LIMITS_MAX; ++i) {
    const struct rlimit limit = {.rlim_cur = offer->limits[i].soft,
                                 .rlim_max = offer->limits[i].hard};
    if (setrlimit((__rlimit_resource_t)offer->limits[i].resource, &limit) != 0) return errno;
  }
  return 0;
}

/* "0" is the writer itself. */
int enter_cgroups(struct entering* entering) {
  for (size_t i = 0; i < entering->door_count; ++i)
    if (write(entering->doors[i], "0", 1) != 1) return errno;
  return 0;
}

/* A kernel without keys has none to protect. */
int enter_keyring(struct entering* entering) {
  (void)entering;
  const int result = from_libc(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
  return result == ENOSYS ? 0 : result;
}

/* Before the user namespace, in which nobody may change them. */
int enter_drop_groups(struct entering* entering) {
  (void)entering;
  return from_libc(syscall(SYS_setgroups, 0, NULL));
}

int enter_namespaces(struct entering* entering) {
  return from_libc(setns(entering->init, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                             CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP));
}

/* ---- the function's process ---------------------------------------------------------------------
 */

/* All signals are blocked until here, and none of the application's handlers runs. */
int enter_session(struct entering* entering) {
  sigset_t none;
  (void)entering;
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, NULL) != 0) return errno;
  return from_libc(setsid());
}

static int is_kept(const struct entering* entering, int descriptor) {
  for (size_t i = 0; i < entering->kept_count; ++i)
    if (entering->kept[i] == descriptor) return 1;
  return 0;
}

/* SECURITY(enter-descriptors): what it was not told to keep is closed, or the null device. */
int enter_descriptors(struct entering* entering) {
  for (int i = 0; i < 3; ++i)
    if (!is_kept(entering, i) && dup2(entering->nothing, i) != i) return errno;
  return close_all_but(entering->kept, entering->kept_count);
}

int enter_identity(struct entering* entering) {
  const unsigned gid = entering->offer.gid;
  const unsigned uid = entering->offer.uid;
  if (syscall(SYS_setresgid, gid, gid, gid) != 0) return errno;
  if (syscall(SYS_setresuid, uid, uid, uid) != 0) return errno;
  umask((mode_t)entering->offer.umask);
  return 0;
}

/* SECURITY(enter-capabilities): all five sets, and for good. Nor are its groups kept. */
int enter_capabilities(struct entering* entering) {
  const unsigned long locked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                               SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                               SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  (void)entering;
  if (prctl(PR_SET_SECUREBITS, locked, 0, 0, 0) != 0) return errno;
  for (unsigned long capability = 0; capability < 64; ++capability)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL) break; /* past the kernel's last one */
      return errno;
    }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  const struct __user_cap_data_struct nothing[2] = {{0}, {0}};
  return from_libc(syscall(SYS_capset, &header, nothing));
}

/* From here on its memory can be read by who answers its calls, as a program's. Nobody else has its
 * user, and a core dump is forbidden by its limits. */
int enter_no_new_privileges(struct entering* entering) {
  (void)entering;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return from_libc(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

int enter_directory(struct entering* entering) {
  const int entered = from_libc(fchdir(entering->directory));
  close(entering->directory);
  return entered;
}

int enter_landlock(struct entering* entering) {
  if (entering->ruleset < 0) return 0;
  const int restricted = from_libc(syscall(SYS_landlock_restrict_self, entering->ruleset, 0));
  close(entering->ruleset);
  return restricted;
}

int enter_filter(struct entering* entering) {
  entering->listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                    entering->offer.filter_flags, &entering->filter);
  return from_libc(entering->listener);
}

/* By its number: sendmsg(2) need not be this sandbox's to call, read(2) and write(2) are. */
int enter_give_listener(struct entering* entering) {
  const struct yett_entering told = {.size = sizeof told, .listener = entering->listener};
  struct yett_entrance answer = {0};
  if (write(entering->line, &told, sizeof told) != (ssize_t)sizeof told) return errno;
  const ssize_t got = read(entering->line, &answer, sizeof answer);
  if (got < 0) return errno;
  if (got != (ssize_t)sizeof answer) return EPIPE;
  if (answer.kind == YETT_ENTRANCE_TAKEN) return 0;
  memcpy(entering->problem, answer.problem, sizeof entering->problem - 1);
  return answer.kind == YETT_ENTRANCE_REFUSED && answer.error > 0 ? answer.error : EPROTO;
}

/* Whoever has a filter's listener answers its calls. */
int enter_close_own(struct entering* entering) {
  close(entering->listener);
  close(entering->line);
  close(entering->report);
  return 0;
}

/* SECURITY(enter-asked): answered by who has the listener, and looked at meanwhile. */
int enter_ask(struct entering* entering) {
  (void)entering;
  return from_libc(ioctl(-1, YETT_ENTER, 0));
}

/* ---- both ---------------------------------------------------------------------------------------
 */

static const enter_step kJoin[] = {enter_let_go,      enter_hide,       enter_standing,
                                   enter_limits,      enter_cgroups,    enter_keyring,
                                   enter_drop_groups, enter_namespaces, NULL};

static const enter_step kInside[] = {
    enter_session,           enter_descriptors, enter_identity, enter_capabilities,
    enter_no_new_privileges, enter_directory,   enter_landlock, enter_filter,
    enter_give_listener,     enter_close_own,   enter_ask,      NULL};

const struct enter_steps kEnterSteps = {.join = kJoin, .inside = kInside};

static void report(const struct entering* entering, enum enter_word word, int value) {
  struct enter_report told = {.word = (int)word, .value = value};
  memcpy(told.problem, entering->problem, sizeof told.problem);
  (void)!write(entering->report, &told, sizeof told);
}

static void carry_out(struct entering* entering, const enter_step* steps) {
  for (; *steps != NULL; ++steps) {
    const int error = (*steps)(entering);
    if (error == 0) continue;
    report(entering, ENTER_FAILED, error);
    _exit(kCannotRun);
  }
}

/* What the C library keeps of a thread and fork(2) sets: a raw clone is told of it. */
static void note_thread(struct entering* entering) {
  if (prctl(PR_GET_TID_ADDRESS, &entering->tid, 0, 0, 0) != 0) entering->tid = 0;
  if (syscall(SYS_get_robust_list, 0, &entering->robust_list, &entering->robust_size) != 0)
    entering->robust_list = NULL;
}

/* The pid namespace is the next child's, which is the caller's own: by CLONE_PARENT, with the
 * signal that the caller has of this one, and in its process group. */
static int make_sibling(const struct entering* entering) {
  struct clone_args wanted = {.flags = CLONE_PARENT};
  if (entering->tid != 0) {
    wanted.flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    wanted.child_tid = entering->tid;
  }
  return (int)syscall(SYS_clone3, &wanted, sizeof wanted);
}

/* The sibling begins when it has been told of, and so is somebody's to wait for: this one may be
 * killed with the sandbox's cgroup as soon as the function has ended. A pipe says when. */
static void begin_sibling(struct entering* entering) {
  int told[2];
  char byte = 0;
  const int made = pipe2(told, O_CLOEXEC);
  const int inside = made == 0 ? make_sibling(entering) : made;
  if (inside < 0) report(entering, ENTER_FAILED, errno);
  if (inside > 0) {
    report(entering, ENTER_BORN, inside);
    (void)!write(told[1], &byte, 1);
  }
  if (inside != 0) _exit(inside < 0 ? kCannotRun : 0);
  close(told[1]);
  if (read(told[0], &byte, 1) != 1) _exit(kCannotRun);
  close(told[0]);
}

void enter_in_child(struct entering* entering, const struct enter_steps* steps) {
  setpgid(0, 0);
  note_thread(entering);
  carry_out(entering, steps->join);
  begin_sibling(entering);
  if (entering->robust_list != NULL)
    syscall(SYS_set_robust_list, entering->robust_list, entering->robust_size);
  carry_out(entering, steps->inside);
  _exit(entering->function(entering->argument));
}
