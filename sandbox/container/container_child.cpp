// A container's first process from clone to exec, and a process that joins it: lists of steps,
// carried out in order; the first that fails is told to whoever listens, and ends it.
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/container/container_context.hpp"

namespace yett {
namespace {

ChildResult await_go_on(ContainerContext& context) {
  ContainerMessage answer;
  YETT_STEP(receive_container_message(context.status_socket, answer));
  return answer.kind == ContainerMessageKind::go_on ? kDone : EPROTO;
}

ChildResult runtime_hooks(ContainerContext& context) {
  if (!context.plan->runtime_hooks) return kDone;
  YETT_STEP(send_container_message(context.status_socket, {.kind = ContainerMessageKind::mounted}));
  return await_go_on(context);
}

// Nobody's word but `start`'s ends the waiting: a connection that says nothing is dropped.
int await_start(int listener) {
  for (;;) {
    const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return -errno;
    }
    ContainerMessage message;
    if (receive_container_message(connection, message) == kDone &&
        message.kind == ContainerMessageKind::start)
      return connection;
    ::close(connection);
  }
}

// What was open in the runtime (the container's lock, its cgroups, its directory) is not ours to
// hold while we wait. SECURITY(container-waiting-fds)
ChildResult close_others(const ContainerContext& context) {
  int kept[] = {context.status_socket, context.start_socket, context.waiting_lock,
                context.label_file,    context.hook_state,   context.terminal_master,
                context.terminal_slave};
  int next = 3 + static_cast<int>(context.process->preserved_fds);
  for (;;) {
    int nearest = -1;
    for (const int fd : kept)
      if (fd >= next && (nearest < 0 || fd < nearest)) nearest = fd;
    const unsigned last = nearest < 0 ? ~0U : static_cast<unsigned>(nearest) - 1;
    if (nearest != next)
      YETT_STEP(from_libc(::syscall(SYS_close_range, static_cast<unsigned>(next), last, 0)));
    if (nearest < 0) return kDone;
    next = nearest + 1;
  }
}

// The parent keeps what it must before it says go on; when it died, so do we, unrecorded.
ChildResult created(ContainerContext& context) {
  YETT_STEP(close_others(context));
  const ContainerMessage made{.kind = ContainerMessageKind::created,
                              .detail = context.moved_root ? kMovedRoot : -1};
  YETT_STEP(send_container_message(context.status_socket, made, context.terminal_master));
  YETT_STEP(await_go_on(context));
  for (int* fd : {&context.terminal_master, &context.terminal_slave}) {
    if (*fd > 2) ::close(*fd);
    *fd = -1;
  }
  return kDone;
}

ChildResult wait_for_start(ContainerContext& context) {
  YETT_STEP(created(context));
  if (context.start_socket < 0) return kDone;
  ::close(context.status_socket);
  context.report_socket = -1;
  const int connection = await_start(context.start_socket);
  if (connection < 0) return from_kernel(connection);
  context.report_socket = connection;
  return kDone;
}

ChildResult give_up_rights(ContainerContext& context) {
  YETT_STEP(close_others(context));
  return container_steps::identity(context);
}

struct Step {
  ContainerStep id;
  ContainerStepFunction run;
};

constexpr Step kFirstProcess[] = {
    {ContainerStep::begin, container_steps::begin},
    {ContainerStep::cgroups, container_steps::join_cgroups},
    {ContainerStep::cgroup_namespace, container_steps::cgroup_namespace},
    {ContainerStep::join_namespaces, container_steps::join_namespaces},
    {ContainerStep::user_namespace, container_steps::user_namespace},
    {ContainerStep::hostname, container_steps::hostname},
    {ContainerStep::sysctls, container_steps::sysctls},
    {ContainerStep::network, container_steps::network},
    {ContainerStep::propagation, container_steps::propagation},
    {ContainerStep::root, container_steps::root},
    {ContainerStep::mounts, container_steps::mounts},
    {ContainerStep::devices, container_steps::devices},
    {ContainerStep::runtime_hooks, runtime_hooks},
    {ContainerStep::terminal, container_steps::terminal},
    {ContainerStep::masks, container_steps::masks},
    {ContainerStep::pivot_root, container_steps::enter_root},
    {ContainerStep::session, container_steps::session},
    {ContainerStep::limits, container_steps::limits},
    {ContainerStep::placement, container_steps::placement},
    {ContainerStep::directory, container_steps::directory},
    {ContainerStep::lookup, container_steps::lookup},
    {ContainerStep::identity, container_steps::identity},
    {ContainerStep::wait, wait_for_start},
    {ContainerStep::confine, container_steps::confine},
    {ContainerStep::hooks, container_steps::start_hooks},
    {ContainerStep::exec, container_steps::execute},
};

constexpr Step kMaker[] = {
    {ContainerStep::begin, container_steps::begin},
    {ContainerStep::cgroups, container_steps::join_cgroups},
    {ContainerStep::join_namespaces, container_steps::join_namespaces},
    {ContainerStep::user_namespace, container_steps::join_user_namespace},
};

// SECURITY(container-exec-outside): what the container can see is born with the container's rights.
// All that takes more is done before, where its pid namespace does not reach.
constexpr Step kJoiner[] = {
    {ContainerStep::begin, container_steps::begin},
    {ContainerStep::cgroups, container_steps::join_cgroups},
    {ContainerStep::join_namespaces, container_steps::join_container},
    {ContainerStep::terminal, container_steps::terminal},
    {ContainerStep::limits, container_steps::limits},
    {ContainerStep::placement, container_steps::placement},
    {ContainerStep::directory, container_steps::directory},
    {ContainerStep::lookup, container_steps::lookup},
    {ContainerStep::identity, give_up_rights},
};

constexpr Step kJoiningProcess[] = {
    {ContainerStep::session, container_steps::session},
    {ContainerStep::wait, created},
    {ContainerStep::confine, container_steps::confine},
    {ContainerStep::exec, container_steps::execute},
};

constexpr bool in_order(const Step* begin, const Step* end) {
  for (const Step* step = begin + 1; step < end; ++step)
    if (step->id <= step[-1].id) return false;
  return true;
}
static_assert(in_order(std::begin(kFirstProcess), std::end(kFirstProcess)));
static_assert(in_order(std::begin(kMaker), std::end(kMaker)));
static_assert(in_order(std::begin(kJoiner), std::end(kJoiner)));
static_assert(in_order(std::begin(kJoiningProcess), std::end(kJoiningProcess)));

constexpr int kRuntimeError = 255;

[[noreturn]] void fail_step(const ContainerContext& context, ContainerStep step,
                            ChildResult result) {
  const ContainerMessage failure{.kind = ContainerMessageKind::failed,
                                 .step = step,
                                 .error = result,
                                 .detail = context.detail};
  if (context.report_socket >= 0)
    static_cast<void>(send_container_message(context.report_socket, failure));
  ::_exit(kRuntimeError);
}

void do_steps(ContainerContext& context, const Step* begin, const Step* end) {
  context.report_socket = context.status_socket;
  for (const Step* step = begin; step < end; ++step)
    if (const ChildResult result = step->run(context); result != kDone)
      fail_step(context, step->id, result);
}

[[noreturn]] void run_steps(ContainerContext& context, const Step* begin, const Step* end) {
  do_steps(context, begin, end);
  ::_exit(kRuntimeError);
}

// A sibling: the parent waits for it, and adopts it when we are gone.
int clone_sibling(std::uint64_t namespaces) {
  struct clone_args arguments{};
  arguments.flags = namespaces | CLONE_PARENT;
  return static_cast<int>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

// Makes the process that `run` goes on in, tells its pid, and ends.
[[noreturn]] void hand_on(ContainerContext& context, ContainerStep step, std::uint64_t namespaces,
                          void (*run)(ContainerContext&)) {
  const int pid = clone_sibling(namespaces);
  if (pid == 0) {
    // Not a word before the parent knows whose it is.
    if (await_go_on(context) != kDone) ::_exit(kRuntimeError);
    run(context);
  }
  if (pid < 0) fail_step(context, step, errno);
  const ContainerMessage forked{.kind = ContainerMessageKind::forked, .detail = pid};
  ::_exit(send_container_message(context.status_socket, forked) == kDone ? 0 : kRuntimeError);
}

void run_joined_process(ContainerContext& context) {
  run_steps(context, std::begin(kJoiningProcess), std::end(kJoiningProcess));
}

}  // namespace

void run_container_child(ContainerContext& context) {
  run_steps(context, std::begin(kFirstProcess), std::end(kFirstProcess));
}

void run_container_maker(ContainerContext& context, std::uint64_t namespaces) {
  context.is_maker = true;
  do_steps(context, std::begin(kMaker), std::end(kMaker));
  context.in_namespaces = true;
  hand_on(context, ContainerStep::user_namespace, namespaces, run_container_child);
}

void run_joiner(ContainerContext& context) {
  do_steps(context, std::begin(kJoiner), std::end(kJoiner));
  hand_on(context, ContainerStep::identity, 0, run_joined_process);
}

}  // namespace yett
