#include "supervisor/trace/tracer.hpp"

#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <map>
#include <utility>

#include "supervisor/explain/attribute.hpp"
#include "supervisor/trace/observe.hpp"

namespace yett {
namespace {

constexpr int kCallStop = SIGTRAP | 0x80;
constexpr int kFirstRestart = 512;  // ERESTARTSYS and its kind: no errno that a program sees
constexpr unsigned long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                                   PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                                   PTRACE_O_EXITKILL;

long ptrace_call(__ptrace_request request, pid_t thread, unsigned long address, void* data) {
  return ::ptrace(request, thread, address, data);
}

void resume(pid_t thread, int signal, __ptrace_request how = PTRACE_SYSCALL) {
  ptrace_call(how, thread, 0, reinterpret_cast<void*>(static_cast<long>(signal)));
}

bool is_stop_signal(int signal) {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

// A masked file opens; whoever wants to be told of it has to look at calls that pass.
bool has_masks(const SandboxPlan& plan) {
  return std::ranges::any_of(plan.mounts, [](const MountEntry& entry) {
    return entry.kind == MountKind::mask && !entry.asked_by.empty();
  });
}

bool is_open(std::uint32_t call) { return call == SYS_open || call == SYS_openat; }

}  // namespace

// All but the constructor runs in the thread.
struct Tracer::Thread {
  Thread(pid_t first, SandboxPlan of, AuditSink& log, TraceStack with_stack)
      : init(first), plan(std::move(of)), attribution(plan), audit(&log), stack(with_stack) {}

  static void* main(void* self);
  void follow();
  void on_stop(pid_t thread, int status);
  void on_event(pid_t thread, int event, int signal);
  void on_call(pid_t thread);
  void on_call_end(pid_t thread, const CallEnd& end);
  void on_end(pid_t thread, int status);
  void record(ObservedCall call, pid_t thread);

  pid_t init;
  SandboxPlan plan;
  Attribution attribution;
  AuditSink* audit;
  TraceStack stack;
  bool masks = has_masks(plan);
  bool executed = false;            // the program runs: what came before was ours
  std::map<pid_t, Snapshot> begun;  // the call that a thread is in, or was in last
  std::promise<int> seized;
  pthread_t handle{};
};

void* Tracer::Thread::main(void* self) {
  auto& thread = *static_cast<Thread*>(self);
  const long done = ptrace_call(PTRACE_SEIZE, thread.init, 0, reinterpret_cast<void*>(kOptions));
  thread.seized.set_value(done == 0 ? 0 : errno);
  if (done == 0) thread.follow();
  return nullptr;
}

void Tracer::Thread::follow() {
  for (;;) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) return;
    if (WIFSTOPPED(status))
      on_stop(thread, status);
    else
      on_end(thread, status);
  }
}

void Tracer::Thread::on_stop(pid_t thread, int status) {
  const int signal = WSTOPSIG(status);
  if (signal == kCallStop) return on_call(thread);
  if (const int event = status >> 16; event != 0) return on_event(thread, event, signal);
  resume(thread, signal, thread == init ? PTRACE_CONT : PTRACE_SYSCALL);
}

// Init itself is let go as soon as the program's process is there.
void Tracer::Thread::on_event(pid_t thread, int event, int signal) {
  if (event == PTRACE_EVENT_EXEC) executed = true;
  if (event == PTRACE_EVENT_STOP && is_stop_signal(signal)) return resume(thread, 0, PTRACE_LISTEN);
  if (thread != init) return resume(thread, 0);
  const bool forked =
      event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE;
  resume(thread, 0, forked ? PTRACE_DETACH : PTRACE_CONT);
}

void Tracer::Thread::on_call(pid_t thread) {
  __ptrace_syscall_info info{};
  const long size = ptrace_call(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info);
  if (size > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    Snapshot& snapshot = begun[thread];
    snapshot = {.architecture = info.arch, .call = static_cast<std::uint32_t>(info.entry.nr)};
    std::copy(std::begin(info.entry.args), std::end(info.entry.args), snapshot.arguments.begin());
  }
  if (size > 0 && info.op == PTRACE_SYSCALL_INFO_EXIT && executed) {
    const auto entry = begun.find(thread);
    const auto error = info.exit.is_error != 0 ? static_cast<int>(-info.exit.rval) : 0;
    if (entry != begun.end() && error < kFirstRestart)
      on_call_end(thread, {.snapshot = entry->second, .error = error});
  }
  resume(thread, 0);
}

void Tracer::Thread::on_call_end(pid_t thread, const CallEnd& end) {
  if (end.error == 0 && (!masks || !is_open(end.snapshot.call))) return;
  const HostView host = plan.image_kind == ImageKind::host ? HostView::same_names : HostView::none;
  record(observe(Tracee(thread), end, host), thread);
}

void Tracer::Thread::on_end(pid_t thread, int status) {
  const auto entry = begun.find(thread);
  if (entry == begun.end()) return;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS && executed)
    record(ObservedCall{.snapshot = entry->second, .killed = true}, thread);
  begun.erase(entry);
}

void Tracer::Thread::record(ObservedCall call, pid_t thread) {
  call.pid = thread;
  if (!call.killed) call.comm = Tracee(thread).comm();
  auto record = attribution.explain(call);
  if (!record) return;
  user_regs_struct registers{};
  if (stack == TraceStack::yes && ptrace_call(PTRACE_GETREGS, thread, 0, &registers) == 0)
    record->stack = Tracee(thread).stack(registers.rip, registers.rbp);
  audit->record(*std::move(record));
}

void Tracer::Join::operator()(Thread* thread) const {
  ::pthread_join(thread->handle, nullptr);
  delete thread;
}

Tracer::~Tracer() = default;

Result<Tracer> Tracer::start(pid_t init, const SandboxPlan& plan, AuditSink& audit,
                             TraceStack stack) {
  auto made = std::make_unique<Thread>(init, plan, audit, stack);
  auto seized = made->seized.get_future();
  if (const int error = ::pthread_create(&made->handle, nullptr, Thread::main, made.get());
      error != 0)
    return fail(errno_error(error, "thread", "--trace"));
  Tracer tracer(std::unique_ptr<Thread, Join>(made.release()));
  if (const int error = seized.get(); error != 0) {
    Error refused = errno_error(error, "ptrace", "--trace");
    refused.mend = "trace where ptrace is allowed (kernel.yama.ptrace_scope below 3)";
    return fail(std::move(refused));
  }
  return tracer;
}

}  // namespace yett
