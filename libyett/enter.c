/* A function of the application, run in a sandbox: the application's own side. What the supervisor
 * says is gathered first, then a child is forked that does the rest (enter_child.c). */
#include "libyett/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libyett/connection.h"

enum { kMostOfMessage = 4 };

struct attempt {
  struct entering entering;
  const struct yett_function* request;
  const struct enter_steps* steps;
  struct yett_entered* entered;
  int64_t deadline;
};

/* ---- what comes from the supervisor -------------------------------------------------------------
 */

/* The numbers 0 to 2 are the function's. The descriptor, or -errno; it is closed then. */
static int above_standard(int descriptor) {
  if (descriptor > 2) return descriptor;
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  const int result = moved < 0 ? -errno : moved;
  close(descriptor);
  return result;
}

static int take_descriptors(const struct msghdr* whole, int descriptors[kMostOfMessage]) {
  int result = 0;
  for (struct cmsghdr* each = CMSG_FIRSTHDR(whole); each != NULL;
       each = CMSG_NXTHDR((struct msghdr*)whole, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int given;
      memcpy(&given, CMSG_DATA(each) + i * sizeof given, sizeof given);
      const int taken = above_standard(given);
      if (taken < 0) result = taken;
      if (taken < 0) continue;
      if (i < kMostOfMessage)
        descriptors[i] = taken;
      else
        close(taken);
    }
  }
  return result;
}

/* 0, or -errno; -ESRCH: the supervisor has gone. */
static int receive_entrance(const struct attempt* attempt, struct yett_entrance* message,
                            int descriptors[kMostOfMessage]) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(kMostOfMessage * sizeof(int))];
  } control;
  struct iovec bytes = {message, sizeof *message};
  struct msghdr whole = {.msg_iov = &bytes,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof control.room};
  for (int i = 0; i < kMostOfMessage; ++i) descriptors[i] = -1;
  const int ready = await_ready(attempt->entering.line, POLLIN, attempt->deadline);
  if (ready != 0) return ready;
  const ssize_t got = recvmsg(attempt->entering.line, &whole, MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == ECONNRESET ? -ESRCH : -errno;
  if (got == 0) return -ESRCH;
  const int taken = take_descriptors(&whole, descriptors);
  if (taken != 0) return taken;
  return got == (ssize_t)sizeof *message && message->size == sizeof *message ? 0 : -EPROTO;
}

static int refusal(const struct yett_entrance* message, struct yett_entered* entered) {
  memcpy(entered->problem, message->problem, sizeof entered->problem - 1);
  return message->error > 0 ? -message->error : -EPROTO;
}

static int map_filter(struct entering* entering, int file) {
  const size_t length = entering->offer.filter_length;
  if (length == 0 || length > BPF_MAXINSNS) return -EPROTO;
  void* mapped = mmap(NULL, length * sizeof(struct sock_filter), PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) return -errno;
  entering->filter = (struct sock_fprog){.len = (unsigned short)length, .filter = mapped};
  return 0;
}

static int take_door(struct entering* entering, int door) {
  if (entering->offer.has_ruleset != 0 && entering->ruleset < 0) {
    entering->ruleset = door;
    return 0;
  }
  if (entering->door_count == kMostDoors) {
    close(door);
    return -EPROTO;
  }
  entering->doors[entering->door_count++] = door;
  return 0;
}

/* One message brings some of them, none is one too few. */
static int take_some_doors(struct attempt* attempt, unsigned* taken) {
  struct yett_entrance message;
  int doors[kMostOfMessage];
  const unsigned before = *taken;
  int result = receive_entrance(attempt, &message, doors);
  for (int i = 0; i < kMostOfMessage; ++i) {
    if (doors[i] < 0) continue;
    const int fits = take_door(&attempt->entering, doors[i]);
    if (result == 0) result = fits;
    ++*taken;
  }
  if (result != 0) return result;
  return message.kind == YETT_ENTRANCE_DOORS && *taken != before ? 0 : -EPROTO;
}

static int take_offer(struct attempt* attempt) {
  struct entering* entering = &attempt->entering;
  int given[kMostOfMessage];
  int result = receive_entrance(attempt, &entering->offer, given);
  entering->init = given[0];
  entering->directory = given[2];
  if (result == 0 && entering->offer.kind == YETT_ENTRANCE_REFUSED)
    result = refusal(&entering->offer, attempt->entered);
  else if (result == 0 && (entering->offer.kind != YETT_ENTRANCE_OFFER || given[2] < 0))
    result = -EPROTO;
  if (result == 0) result = map_filter(entering, given[1]);
  snprintf(entering->oom_score_adj, sizeof entering->oom_score_adj, "%d",
           (int)entering->offer.oom_score_adj);
  if (given[1] >= 0) close(given[1]);
  if (given[3] >= 0) close(given[3]);
  for (unsigned taken = 0; result == 0 && taken < entering->offer.door_count;)
    result = take_some_doors(attempt, &taken);
  return result;
}

/* "Pid:" of a pidfd, as the caller's own /proc has it. */
static int pid_of(int pidfd) {
  char path[64];
  char line[128];
  int pid = -1;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
  FILE* file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "Pid: %d", &pid) == 1) break;
  if (file != NULL) fclose(file);
  return pid;
}

/* ---- descriptors --------------------------------------------------------------------------------
 */

static int by_number(const void* one, const void* other) {
  const int first = *(const int*)one;
  const int second = *(const int*)other;
  return (first > second) - (first < second);
}

/* A directory of the host's would be a way out of the sandbox's root, and who has the connection
 * may ask yettd for anything. */
static int check_kept(const struct yett_host* host, const struct yett_function* request) {
  struct stat status;
  struct stat connection = {0};
  if (request->kept_count > kMostKept) return -E2BIG;
  (void)fstat(host->socket, &connection);
  for (size_t i = 0; i < request->kept_count; ++i) {
    if (fstat(request->kept[i], &status) != 0) return -EBADF;
    if (S_ISDIR(status.st_mode)) return -EISDIR;
    if (status.st_dev == connection.st_dev && status.st_ino == connection.st_ino) return -EINVAL;
  }
  return 0;
}

static void sort(int* list, size_t count) { qsort(list, count, sizeof *list, by_number); }

static void note_kept(struct entering* entering, const struct yett_function* request) {
  const int own[kOwnKept] = {entering->line, entering->report, entering->directory,
                             entering->ruleset};
  size_t count = 0;
  for (size_t i = 0; i < request->kept_count; ++i) entering->kept[count++] = request->kept[i];
  for (size_t i = 0; i < kOwnKept; ++i)
    if (own[i] >= 0) entering->kept[count++] = own[i];
  entering->kept_count = count;
  sort(entering->kept, count);
  memcpy(entering->needed, entering->kept, count * sizeof *entering->kept);
  for (size_t i = 0; i < entering->door_count; ++i) entering->needed[count++] = entering->doors[i];
  entering->needed[count++] = entering->init;
  entering->needed[count++] = entering->nothing;
  entering->needed_count = count;
  sort(entering->needed, count);
}

static void close_open(int* descriptor) {
  if (*descriptor >= 0) close(*descriptor);
  *descriptor = -1;
}

/* All but the line, by which the verdict comes. */
static void let_go(struct entering* entering) {
  close_open(&entering->init);
  close_open(&entering->directory);
  close_open(&entering->nothing);
  close_open(&entering->ruleset);
  close_open(&entering->report);
  for (; entering->door_count > 0; --entering->door_count)
    close_open(&entering->doors[entering->door_count - 1]);
  if (entering->filter.filter != NULL)
    munmap(entering->filter.filter, entering->filter.len * sizeof(struct sock_filter));
  entering->filter.filter = NULL;
}

/* ---- the child ----------------------------------------------------------------------------------
 */

/* No handler of the application's runs in it, so signals are blocked meanwhile. */
static pid_t fork_joining(struct attempt* attempt) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = fork();
  if (child == 0) enter_in_child(&attempt->entering, attempt->steps);
  const int error = errno;
  sigprocmask(SIG_SETMASK, &before, NULL);
  return child < 0 ? -error : child;
}

static void await_end(pid_t child) {
  while (waitpid(child, NULL, __WALL) < 0 && errno == EINTR) continue;
}

/* An application that waits for all of its children may have waited for this one, and its number
 * may be somebody else's by now. */
static void end_child(pid_t child) {
  siginfo_t unused;
  if (waitid(P_PID, (id_t)child, &unused, WEXITED | WNOHANG | WNOWAIT) != 0) return;
  kill(child, SIGKILL);
  await_end(child);
}

/* The child that joins, and one of its making that it has not told of: that one ends by itself, and
 * is in its group until then. */
static void end_joining(pid_t child, int is_told) {
  end_child(child);
  while (!is_told && (waitpid(-child, NULL, __WALL) > 0 || errno == EINTR)) continue;
}

/* Until nobody has the other end, or one of its steps has failed: 0, or -errno. */
static int read_reports(const struct attempt* attempt, int reports) {
  struct yett_entered* entered = attempt->entered;
  int result = 0;
  while (result == 0 || entered->app_pid == 0) {
    struct enter_report told;
    const int ready = await_ready(reports, POLLIN, attempt->deadline);
    if (ready != 0) return ready;
    const ssize_t got = read(reports, &told, sizeof told);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return result != 0 || entered->app_pid != 0 ? result : -ESRCH;
    if (got != (ssize_t)sizeof told) return got < 0 ? -errno : -EPROTO;
    if (told.word == ENTER_BORN) entered->app_pid = told.value;
    if (told.word != ENTER_FAILED) continue;
    result = -told.value;
    memcpy(entered->problem, told.problem, sizeof entered->problem - 1);
  }
  return result;
}

/* Until the supervisor has said something, or has gone: 0, or -errno. A process that has ended may
 * have begun; one that had said nothing of its listener says nothing more, and so the supervisor
 * has no reason to wait. */
static int await_word(const struct attempt* attempt, int process) {
  struct pollfd asked[2] = {{.fd = attempt->entering.line, .events = POLLIN},
                            {.fd = process, .events = POLLIN}};
  for (;;) {
    const int ready = poll(asked, 2, milliseconds_to(attempt->deadline));
    if (ready == 0) return -ETIMEDOUT;
    if (ready < 0 && errno != EINTR) return -errno;
    if (ready < 0) continue;
    if (asked[0].revents != 0) return 0;
    shutdown(attempt->entering.line, SHUT_WR);
    asked[1].fd = -1;
  }
}

/* A process that was killed has left what was for it. */
static int receive_verdict(const struct attempt* attempt, int process) {
  struct yett_entrance told;
  int none[kMostOfMessage];
  do {
    const int word = await_word(attempt, process);
    if (word != 0) return word;
    const int received = receive_entrance(attempt, &told, none);
    for (int i = 0; i < kMostOfMessage; ++i) close_open(&none[i]);
    if (received != 0) return received;
  } while (told.kind == YETT_ENTRANCE_TAKEN);
  if (told.kind == YETT_ENTRANCE_REFUSED) return refusal(&told, attempt->entered);
  return told.kind == YETT_ENTRANCE_BEGUN ? 0 : -EPROTO;
}

static int await_verdict(const struct attempt* attempt) {
  /* -1: the application has waited for it already; poll(2) leaves that out. */
  int process = (int)syscall(SYS_pidfd_open, attempt->entered->app_pid, 0);
  if (process < 0) shutdown(attempt->entering.line, SHUT_WR);
  const int result = receive_verdict(attempt, process);
  close_open(&process);
  return result;
}

static int run_child(struct attempt* attempt, int reports) {
  const pid_t child = fork_joining(attempt);
  let_go(&attempt->entering);
  if (child < 0) return child;
  const int result = read_reports(attempt, reports);
  if (result != 0)
    end_joining(child, attempt->entered->app_pid != 0); /* where it has not ended itself */
  else
    await_end(child);
  return result == 0 ? await_verdict(attempt) : result;
}

static int open_own(struct entering* entering, int reports[2]) {
  entering->nothing = above_standard(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (entering->nothing < 0 || pipe2(reports, O_CLOEXEC) != 0) return -errno;
  entering->report = above_standard(reports[1]);
  return entering->report < 0 ? entering->report : 0;
}

static int come_in(struct attempt* attempt) {
  struct yett_entered* entered = attempt->entered;
  int reports[2] = {-1, -1};
  int result = take_offer(attempt);
  if (result != 0) return result;
  entered->guard_pid = pid_of(attempt->entering.init);
  result = yett_guard_name(entered->guard_pid, entered->guard_name, sizeof entered->guard_name);
  if (result == 0) result = open_own(&attempt->entering, reports);
  if (result == 0) {
    note_kept(&attempt->entering, attempt->request);
    result = run_child(attempt, reports[0]);
  }
  close_open(&reports[0]);
  if (result == 0 || entered->app_pid <= 0) return result;
  end_child(entered->app_pid);
  entered->app_pid = 0;
  return result;
}

/* ---- the call -----------------------------------------------------------------------------------
 */

/* Gives the program's number, and *line, by which its supervisor is spoken to. */
static int ask_for_sandbox(struct yett_host* host, int sandbox, int* line) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -errno;
  const int number = call_with(host, YETT_ENTER, (uint64_t)sandbox, 0, &ends[1], 1);
  close(ends[1]);
  *line = above_standard(ends[0]);
  return number < 0 || *line >= 0 ? number : *line;
}

int enter_by(struct yett_host* host, const struct yett_function* request,
             int (*function)(void* data), void* data, struct yett_entered* entered,
             const struct enter_steps* steps) {
  struct attempt attempt = {.entering = {.line = -1,
                                         .report = -1,
                                         .init = -1,
                                         .directory = -1,
                                         .nothing = -1,
                                         .ruleset = -1,
                                         .listener = -1,
                                         .function = function,
                                         .argument = data},
                            .request = request,
                            .steps = steps,
                            .entered = entered,
                            .deadline = deadline_after(host->patience_ms)};
  if (request->size != sizeof *request || entered->size != sizeof *entered) return -EINVAL;
  *entered = (struct yett_entered){.size = sizeof *entered};
  int result = check_kept(host, request);
  if (result == 0) result = ask_for_sandbox(host, request->sandbox, &attempt.entering.line);
  if (result > 0) {
    entered->program = result;
    result = note_program(host, result) == NULL ? -ENOMEM : come_in(&attempt);
  }
  let_go(&attempt.entering);
  close_open(&attempt.entering.line); /* where nothing has come of it, the sandbox ends */
  if (result != 0 && entered->program > 0)
    (void)yett_wait(host, entered->program, host->patience_ms, NULL);
  return result;
}

int yett_enter(struct yett_host* host, const struct yett_function* request,
               int (*function)(void* data), void* data, struct yett_entered* entered) {
  return enter_by(host, request, function, data, entered, &kEnterSteps);
}
