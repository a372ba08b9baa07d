#include "supervisor/notify/held_process.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>

namespace yett {
namespace {

constexpr long kResting = PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
constexpr long kHolding = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC;
constexpr int kWhoeverIsTraced = -1;
constexpr std::uint64_t kInstructionSize = 2;  // of `syscall`
constexpr long kInstruction = 0x050F;
constexpr std::uint64_t kNoCall = ~std::uint64_t{0};  // nothing that the kernel would restart
constexpr std::int64_t kLargestErrno = 4095;
// A step ends in that one.
constexpr std::uint64_t kEverySignalButTrap = ~(std::uint64_t{1} << (SIGTRAP - 1));
// Of one call: those of a process that is made, and what cannot be kept waiting.
constexpr int kMostStops = 1000;

template <typename... Arguments>
long trace(__ptrace_request request, int pid, Arguments... arguments) {
  return ::ptrace(request, pid, arguments...);
}

Error gone(const char* what) {
  return Error{.kind = ErrorKind::target_gone, .operation = what, .detail = "the process has died"};
}

// Of the calling thread's alone. 0: it has died, and is not traced any more.
int wait_for_stop(int pid, int& status) {
  pid_t waited = 0;
  do {
    waited = ::waitpid(pid, &status, __WALL | __WNOTHREAD);
  } while (waited < 0 && errno == EINTR);
  return waited > 0 && WIFSTOPPED(status) ? waited : 0;
}

Status copied(ssize_t done, std::size_t size) {
  if (done == static_cast<ssize_t>(size)) return {};
  return fail(errno_error(done < 0 ? errno : EFAULT, "copy memory", "held process"));
}

}  // namespace

Result<HeldProcess> HeldProcess::seize(int pid) {
  if (trace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0)
    return fail(errno_error("seize", std::to_string(pid)));
  return HeldProcess(pid);
}

void HeldProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);  // its number is its own: it is our tracee until it has been waited for
  int status = 0;
  while (wait_for_stop(pid_, status) != 0) trace(PTRACE_CONT, pid_, nullptr, nullptr);
  pid_ = 0;
}

void HeldProcess::interrupt() const { trace(PTRACE_INTERRUPT, pid_, nullptr, nullptr); }

Status HeldProcess::await_stop() {
  int status = 0;
  pid_ = wait_for_stop(pid_, status);
  if (pid_ == 0) return fail(gone("stop"));
  if (status >> 16 == 0 && WSTOPSIG(status) != SIGTRAP) signal_ = WSTOPSIG(status);
  // Of one that was born of a held process it is known where it is to stand.
  if (stands_.rip == 0 && trace(PTRACE_GETREGS, pid_, nullptr, &stands_) != 0)
    return fail(gone("read registers"));
  return {};
}

Status HeldProcess::hold(FilterOfHeld filter) {
  const long options = filter == FilterOfHeld::rests ? kResting : kHolding;
  if (trace(PTRACE_SETOPTIONS, pid_, nullptr, options) != 0)
    return fail(host_error("warm fork", "this kernel lets no filter rest for its tracer",
                           "it takes CONFIG_CHECKPOINT_RESTORE, and yettd under no filter"));
  // Calls are made by the instruction that it has just come from.
  errno = 0;
  const long found = trace(PTRACE_PEEKTEXT, pid_, stands_.rip - kInstructionSize, nullptr);
  if (errno != 0 || (found & 0xFFFF) != kInstruction)
    return fail(errno_error(ENOEXEC, "hold", "not behind a system call"));
  // What a timer of its sends would have clone(2) begun anew, and again.
  std::uint64_t mask = 0;
  if (trace(PTRACE_GETSIGMASK, pid_, sizeof mask, &mask) != 0) return fail(gone("hold"));
  YETT_CHECK(set_mask(kEverySignalButTrap));
  mask_ = mask;
  return {};
}

Status HeldProcess::set_mask(std::uint64_t mask) const {
  return trace(PTRACE_SETSIGMASK, pid_, sizeof mask, &mask) == 0 ? Status()
                                                                 : fail(gone("set signal mask"));
}

Result<int> HeldProcess::step_once(const char* name, int waited_for) {
  if (trace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0) return fail(gone(name));
  int status = 0;
  pid_ = wait_for_stop(waited_for, status);
  if (pid_ == 0) return fail(gone(name));
  // No handler of its own: it is told again.
  if (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP) is_told_to_stop_ = true;
  return status;
}

// Behind the call its own trap waits, and would kill it later: what comes before that is no end.
Result<std::optional<user_regs_struct>> HeldProcess::look_behind(const char* name,
                                                                 int status) const {
  user_regs_struct now{};
  if (trace(PTRACE_GETREGS, pid_, nullptr, &now) != 0) return fail(gone(name));
  const bool is_behind = now.rip == stands_.rip;
  if (is_behind && status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP) return now;
  // SECURITY(held-calls-alone): whatever else it has come to, it is not run on from there.
  if (!is_behind && now.rip != stands_.rip - kInstructionSize)
    return fail(errno_error(EFAULT, name, "held process"));
  return std::nullopt;
}

// Until the call has been made. SECURITY(held-calls-alone): a signal that comes nevertheless is
// dropped, so that no handler of the process's runs without its filter; and one that has no end of
// them keeps nobody.
Result<user_regs_struct> HeldProcess::step(const char* name) {
  for (int stops = 0; stops < kMostStops; ++stops) {
    YETT_TRY(const int status, step_once(name, pid_));
    const int event = status >> 16;
    if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
      unsigned long child = 0;
      trace(PTRACE_GETEVENTMSG, pid_, nullptr, &child);
      born_ = static_cast<int>(child);
      continue;
    }
    YETT_TRY(const auto behind, look_behind(name, status));
    if (behind) return *behind;
  }
  return fail(errno_error(EINTR, name, "held process"));
}

Status HeldProcess::begin(const char* name, long number, const Arguments& arguments) const {
  user_regs_struct wanted = stands_;
  wanted.rip -= kInstructionSize;
  wanted.orig_rax = kNoCall;
  wanted.rax = static_cast<std::uint64_t>(number);
  wanted.rdi = arguments[0];
  wanted.rsi = arguments[1];
  wanted.rdx = arguments[2];
  wanted.r10 = arguments[3];
  wanted.r8 = arguments[4];
  wanted.r9 = arguments[5];
  return trace(PTRACE_SETREGS, pid_, nullptr, &wanted) == 0 ? Status() : fail(gone(name));
}

Result<std::uint64_t> HeldProcess::call(const char* name, long number, const Arguments& arguments) {
  YETT_CHECK(begin(name, number, arguments));
  YETT_TRY(const user_regs_struct after, step(name));
  // The kernel writes it down when it is entered by a call: another instruction cannot.
  if (after.orig_rax != static_cast<std::uint64_t>(number))
    return fail(errno_error(EFAULT, name, "held process"));
  const auto result = static_cast<std::int64_t>(after.rax);
  if (result < 0 && result >= -kLargestErrno)
    return fail(errno_error(static_cast<int>(-result), name, "held process"));
  return after.rax;
}

// A thread that executes takes the number of its process: whoever is traced is waited for.
Status HeldProcess::execute(const Arguments& arguments) {
  constexpr const char* kName = "execute";
  YETT_CHECK(begin(kName, SYS_execve, arguments));
  for (int stops = 0; stops < kMostStops; ++stops) {
    YETT_TRY(const int status, step_once(kName, kWhoeverIsTraced));
    if (status >> 16 == PTRACE_EVENT_EXEC) return become_program();
    YETT_TRY(const auto behind, look_behind(kName, status));
    if (!behind) continue;
    const auto result = static_cast<std::int64_t>(behind->rax);
    return fail(
        errno_error(result < 0 && result >= -kLargestErrno ? static_cast<int>(-result) : EFAULT,
                    kName, "held process"));
  }
  return fail(errno_error(EINTR, kName, "held process"));
}

Status HeldProcess::become_program() {
  if (mask_) YETT_CHECK(set_mask(*mask_));
  return let_go_on();
}

Status HeldProcess::read(std::uint64_t address, std::span<std::byte> into) const {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address), into.size()};
  return copied(::process_vm_readv(pid_, &local, 1, &remote, 1, 0), into.size());
}

Status HeldProcess::write(std::uint64_t address, std::span<const std::byte> from) const {
  const iovec local{const_cast<std::byte*>(from.data()), from.size()};
  const iovec remote{reinterpret_cast<void*>(address), from.size()};
  return copied(::process_vm_writev(pid_, &local, 1, &remote, 1, 0), from.size());
}

Status HeldProcess::let_go(std::int64_t result) {
  if (mask_) YETT_CHECK(set_mask(*mask_));
  user_regs_struct wanted = stands_;
  wanted.orig_rax = kNoCall;
  wanted.rax = static_cast<std::uint64_t>(result);
  if (trace(PTRACE_SETREGS, pid_, nullptr, &wanted) != 0) return fail(gone("let go"));
  signal_ = 0;
  return let_go_on();
}

Status HeldProcess::let_go_on() {
  if (is_told_to_stop_) ::kill(pid_, SIGSTOP);
  if (trace(PTRACE_DETACH, pid_, nullptr, long{signal_}) != 0) return fail(gone("let go"));
  pid_ = 0;
  return {};
}

}  // namespace yett
