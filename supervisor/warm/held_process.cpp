#include "supervisor/warm/held_process.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>

namespace yett {
namespace {

constexpr long kOptions = PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
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

// False: it has died, and is not traced any more.
bool wait_for_stop(int pid, int& status) {
  pid_t waited = 0;
  do {
    waited = ::waitpid(pid, &status, __WALL);
  } while (waited < 0 && errno == EINTR);
  return waited == pid && WIFSTOPPED(status);
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
  while (wait_for_stop(pid_, status)) trace(PTRACE_CONT, pid_, nullptr, nullptr);
  pid_ = 0;
}

void HeldProcess::interrupt() const { trace(PTRACE_INTERRUPT, pid_, nullptr, nullptr); }

Status HeldProcess::await_stop() {
  int status = 0;
  if (!wait_for_stop(pid_, status)) {
    pid_ = 0;
    return fail(gone("stop"));
  }
  // Of one that was born of a held process it is known where it is to stand.
  if (stands_.rip == 0 && trace(PTRACE_GETREGS, pid_, nullptr, &stands_) != 0)
    return fail(gone("read registers"));
  return {};
}

Status HeldProcess::hold() {
  if (trace(PTRACE_SETOPTIONS, pid_, nullptr, kOptions) != 0)
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

// Until the call has been made. SECURITY(held-calls-alone): a signal that comes nevertheless is
// dropped, so that no handler of the process's runs without its filter; and one that has no end of
// them keeps nobody.
Result<user_regs_struct> HeldProcess::step(const char* name) {
  const std::uint64_t behind = stands_.rip;
  const std::uint64_t before = behind - kInstructionSize;
  for (int stops = 0; stops < kMostStops; ++stops) {
    if (trace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0) return fail(gone(name));
    int status = 0;
    if (!wait_for_stop(pid_, status)) {
      pid_ = 0;
      return fail(gone(name));
    }
    const int event = status >> 16;
    if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
      unsigned long child = 0;
      trace(PTRACE_GETEVENTMSG, pid_, nullptr, &child);
      born_ = static_cast<int>(child);
      continue;
    }
    user_regs_struct now{};
    if (trace(PTRACE_GETREGS, pid_, nullptr, &now) != 0) return fail(gone(name));
    if (now.rip == behind) return now;
    // SECURITY(held-calls-alone): whatever else it has come to, it is not run on from there.
    if (now.rip != before) return fail(errno_error(EFAULT, name, "held process"));
  }
  return fail(errno_error(EINTR, name, "held process"));
}

Result<std::uint64_t> HeldProcess::call(const char* name, long number, const Arguments& arguments) {
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
  if (trace(PTRACE_SETREGS, pid_, nullptr, &wanted) != 0) return fail(gone(name));
  YETT_TRY(const user_regs_struct after, step(name));
  // The kernel writes it down when it is entered by a call: another instruction cannot.
  if (after.orig_rax != static_cast<std::uint64_t>(number))
    return fail(errno_error(EFAULT, name, "held process"));
  const auto result = static_cast<std::int64_t>(after.rax);
  if (result < 0 && result >= -kLargestErrno)
    return fail(errno_error(static_cast<int>(-result), name, "held process"));
  return after.rax;
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
  if (trace(PTRACE_SETREGS, pid_, nullptr, &wanted) != 0 ||
      trace(PTRACE_DETACH, pid_, nullptr, nullptr) != 0)
    return fail(gone("let go"));
  pid_ = 0;
  return {};
}

Status HeldProcess::let_go_on() {
  if (trace(PTRACE_DETACH, pid_, nullptr, nullptr) != 0) return fail(gone("let go"));
  pid_ = 0;
  return {};
}

}  // namespace yett
