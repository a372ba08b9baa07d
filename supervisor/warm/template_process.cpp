#include "supervisor/warm/template_process.hpp"

#include <dirent.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace yett {
namespace {

template <typename Value>
std::span<std::byte> bytes_into(Value& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

std::string proc_path(int pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// Names in a directory of /proc.
std::vector<std::string> names_in(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  std::vector<std::string> names;
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

// Empty: it has ended.
std::string pid_namespace(const std::string& process) {
  std::array<char, 64> link{};
  const ssize_t size =
      ::readlink(("/proc/" + process + "/ns/pid").c_str(), link.data(), link.size());
  return {link.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// The sandbox's PID 1 and itself.
bool is_alone(int pid) {
  constexpr std::ptrdiff_t kBoth = 2;
  const std::string own = pid_namespace(std::to_string(pid));
  const std::vector<std::string> all = names_in("/proc");
  const auto inside = std::ranges::count_if(all, [&own](const std::string& name) {
    return name.find_first_not_of("0123456789") == std::string::npos && pid_namespace(name) == own;
  });
  return !own.empty() && inside == kBoth && names_in(proc_path(pid, "task")).size() == 1;
}

// "7f00-7f01 rw-s ...": a fork would write into it, too.
bool shares_memory(int pid) {
  std::ifstream maps(proc_path(pid, "maps"));
  if (!maps) return true;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || space + 5 > line.size()) return true;
    const std::string rights = line.substr(space + 1, 4);
    if (rights[1] == 'w' && rights[3] == 's') return true;
  }
  return false;
}

}  // namespace

Result<TemplateProcess> TemplateProcess::hold(HeldProcess process) {
  YETT_CHECK(process.await_stop());
  const int pid = process.pid();
  TemplateProcess held(std::move(process));
  // SECURITY(template-alone): a fork of one thread among several finds locks that nobody opens
  // again; memory that two may write is a way from one instance to another.
  // Another process may have all of its memory (CLONE_VM), and so what it executes while it is
  // held.
  Status done = is_alone(pid) && !shares_memory(pid)
                    ? held.process_.hold()
                    : fail(errno_error(EBUSY, "hold", "template process"));
  if (done) done = held.arrange();
  if (done) return held;
  if (done.error().sys_errno != 0) static_cast<void>(held.process_.let_go(-done.error().sys_errno));
  return fail(done.error());
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
  Newborn newborn{.process = HeldProcess(process_.born(), process_.stands()),
                  .inner = static_cast<int>(inner)};
  YETT_CHECK(newborn.process.await_stop());
  return newborn;
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
