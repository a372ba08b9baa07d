/* A function of the application, run in a sandbox: what its child works on, and the child's steps.
 * The steps are lists, so that a test can leave one out, or put another one in. */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <yett/yett.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  kMostKept = 64,  /* descriptors that a function keeps */
  kMostDoors = 16, /* cgroup files */
  kOwnKept = 4,    /* line, report, directory, ruleset */
  kOwnNeeded = 2   /* pidfd, null device */
};

/* Made whole by the parent: the child allocates nothing. Descriptors of its own are above 2. */
struct entering {
  struct yett_entrance offer;
  int line;      /* to the sandbox's supervisor */
  int report;    /* to the parent: struct enter_report; its end: all has been said */
  int init;      /* a pidfd of PID 1 */
  int directory; /* of the sandbox's, to begin in */
  int nothing;   /* the null device */
  int ruleset;   /* Landlock's; -1: none */
  int doors[kMostDoors];
  size_t door_count;
  int kept[kMostKept + kOwnKept]; /* all that the function's process keeps at first, in order */
  size_t kept_count;
  int needed[kMostKept + kOwnKept + kMostDoors + kOwnNeeded]; /* and the one that joins, too */
  size_t needed_count;
  struct sock_fprog filter;
  int listener;           /* since it has the filter */
  char oom_score_adj[16]; /* as text */
  unsigned long long tid; /* where the C library keeps the thread's number; 0: not known */
  void* robust_list;
  size_t robust_size;
  char problem[128]; /* what the supervisor has refused it for */
  int (*function)(void*);
  void* argument;
};

enum enter_word { ENTER_BORN, ENTER_FAILED };
struct enter_report {
  int word;
  int value;         /* BORN: the function's process; FAILED: an errno */
  char problem[128]; /* FAILED: why, where that was told */
};

/* 0, or an errno. */
typedef int (*enter_step)(struct entering*);

/* Each ends with NULL. */
struct enter_steps {
  const enter_step* join;   /* the child, which joins the sandbox and has a sibling there */
  const enter_step* inside; /* that one, as far as the function */
};
extern const struct enter_steps kEnterSteps;

/* In this order. The child's: */
int enter_let_go(struct entering*);
int enter_hide(struct entering*);
int enter_standing(struct entering*);
int enter_limits(struct entering*);
int enter_cgroups(struct entering*);
int enter_keyring(struct entering*);
int enter_drop_groups(struct entering*);
int enter_namespaces(struct entering*);
/* Its sibling's: */
int enter_session(struct entering*);
int enter_descriptors(struct entering*);
int enter_identity(struct entering*);
int enter_capabilities(struct entering*);
int enter_no_new_privileges(struct entering*);
int enter_directory(struct entering*);
int enter_landlock(struct entering*);
int enter_filter(struct entering*);
int enter_give_listener(struct entering*);
int enter_close_own(struct entering*);
int enter_ask(struct entering*);

/* The child, from fork on, in a process group of its own: does not return. */
void enter_in_child(struct entering* entering, const struct enter_steps* steps);

/* yett_enter() with other steps. */
int enter_by(struct yett_host* host, const struct yett_function* request,
             int (*function)(void* data), void* data, struct yett_entered* entered,
             const struct enter_steps* steps);

#ifdef __cplusplus
}
#endif
