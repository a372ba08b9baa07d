#include "supervisor/warm/template_process.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <utility>

namespace yett {
namespace {

template <typename Value>
std::span<std::byte> bytes_into(Value& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::string proc_path(int pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// Of memory that a fork would write into, too, smaps has both of "VmFlags: rd wr sh mr mw me ms":
// may be shared, may be written. What is mapped without the right to write may get it later.
bool shares_memory(int pid) {
  std::ifstream maps(proc_path(pid, "smaps"));
  bool seen = false;
  for (std::string line; std::getline(maps, line);) {
    if (!line.starts_with("VmFlags:")) continue;
    seen = true;
    line += ' ';
    if (line.find(" ms ") != std::string::npos && line.find(" mw ") != std::string::npos)
      return true;
  }
  return !seen;
}

int error_of(const Result<std::uint64_t>& result) { return result ? 0 : result.error().sys_errno; }

Error not_alone() { return errno_error(EBUSY, "hold", "template process"); }

}  // namespace

Result<TemplateProcess> TemplateProcess::hold(HeldProcess process) {
  YETT_CHECK(process.await_stop());
  const int pid = process.pid();
  TemplateProcess held(std::move(process));
  Status done = held.process_.hold();
  if (done) done = held.check_alone();
  if (done && shares_memory(pid)) done = fail(not_alone());
  if (done) done = held.arrange();
  if (done) return held;
  if (done.error().sys_errno != 0) static_cast<void>(held.process_.let_go(-done.error().sys_errno));
  return fail(done.error());
}

// SECURITY(template-alone): a fork of one thread among several finds locks that nobody opens again;
// memory that two may write is a way from one instance to another; another process of the
// template's would have every right over the namespaces of its instances. Asked of the kernel, who
// looks at all at once: what /proc lists is not of one moment, and who forks and ends, again and
// again, would not be seen. No other instruction gives these errors.
Status TemplateProcess::check_alone() {
  // EPERM, for it has no capability; EINVAL, if somebody else has its memory.
  if (error_of(process_.call("unshare", SYS_unshare, {CLONE_VM | CLONE_NEWUTS})) != EPERM)
    return fail(not_alone());
  // ESRCH: beside PID 1 there is nobody.
  if (error_of(process_.call("kill", SYS_kill, {~0ULL, 0})) != ESRCH) return fail(not_alone());
  return {};
}

// SECURITY(instance-descriptors): the template keeps none but 0, 1 and 2, which each fork replaces.
Status TemplateProcess::arrange() {
  YETT_CHECK(process_.call("close_range", SYS_close_range, {3, ~0U, 0}));
  YETT_TRY(scratch_, process_.call("mmap", SYS_mmap,
                                   {0, kScratchSize, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, ~0ULL, 0}));
  YETT_CHECK(process_.call("prctl", SYS_prctl, {PR_GET_TID_ADDRESS, scratch_}));
  YETT_CHECK(process_.read(scratch_, bytes_into(thread_id_at_)));
  if (::syscall(SYS_get_robust_list, process_.pid(), &robust_list_[0], &robust_list_[1]) != 0)
    return fail(errno_error("get_robust_list", "template process"));
  std::array<char, kScratchSize> text{};
  // One that is gone is none of an instance's.
  if (process_.call("getcwd", SYS_getcwd, {scratch_, kScratchSize})) {
    YETT_CHECK(process_.read(scratch_, std::as_writable_bytes(std::span(text))));
    directory_.assign(text.data(), ::strnlen(text.data(), text.size()));
  }
  if (!directory_.starts_with('/')) directory_ = "/";
  return {};
}

// Nobody is told of its end by a signal, which would wait for the template to run again.
Result<Newborn> TemplateProcess::bear(std::uint64_t namespaces) {
  const std::uint64_t identity =
      thread_id_at_ == 0 ? 0 : std::uint64_t{CLONE_CHILD_SETTID} | CLONE_CHILD_CLEARTID;
  YETT_TRY(const std::uint64_t inner,
           process_.call("clone", SYS_clone, {namespaces | identity, 0, 0, thread_id_at_, 0}));
  Newborn newborn{.process = HeldProcess(process_.born(), process_),
                  .inner = static_cast<int>(inner)};
  if (newborn.process.await_stop()) return newborn;
  static_cast<void>(reap(newborn.inner));
  return fail(errno_error(ESRCH, "bear", "instance"));  // it has died, the template has not
}

Result<int> TemplateProcess::reap(int inner) {
  int status = 0;
  YETT_TRY(const std::uint64_t waited, process_.call("wait4", SYS_wait4,
                                                     {static_cast<std::uint64_t>(inner), scratch_,
                                                      static_cast<unsigned>(__WALL) | WNOHANG, 0}));
  if (waited != static_cast<std::uint64_t>(inner))
    return fail(errno_error(ECHILD, "wait", "instance"));
  YETT_CHECK(process_.read(scratch_, bytes_into(status)));
  return status;
}

}  // namespace yett
