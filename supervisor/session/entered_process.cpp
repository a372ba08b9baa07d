#include "supervisor/session/entered_process.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "ioctl_uapi/clone.hpp"
#include "sandbox/host/read_file.hpp"
#include "supervisor/meter/namespace_members.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kMostOomScoreAdj = 1000;
// ioprio_set(2); linux/ioprio.h is no C++.
constexpr int kOfProcess = 1;
constexpr int kIoClassShift = 13;
constexpr long kRealTimeIo = 1;

Error not_held(std::string why) {
  Error error = errno_error(EACCES, "enter", "function");
  error.detail = std::move(why);
  return error;
}

std::string proc_path(int pid, std::string_view file) {
  return "/proc/" + std::to_string(pid) + "/" + std::string(file);
}

// What stands behind "Key:", without the white space around it. Nothing: there is no such line.
std::optional<std::string_view> line_of(std::string_view status, std::string_view key) {
  const std::string wanted = "\n" + std::string(key) + ":";
  const std::size_t begin = status.find(wanted);
  if (begin == std::string_view::npos) return std::nullopt;
  std::string_view line = status.substr(begin + wanted.size());
  line = line.substr(0, line.find('\n'));
  while (!line.empty() && (line.front() == '\t' || line.front() == ' ')) line.remove_prefix(1);
  while (!line.empty() && (line.back() == '\t' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

unsigned number_of(std::string_view status, std::string_view key) {
  return static_cast<unsigned>(
      parse_decimal(line_of(status, key).value_or(""), UINT_MAX).value_or(0));
}

std::string four_times(std::uint32_t id) {
  const std::string text = std::to_string(id);
  return text + "\t" + text + "\t" + text + "\t" + text;
}

struct WantedLine {
  const char* key;
  std::string value;
};

std::string octal(std::uint32_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

// SECURITY(entered-status): each is what a program of this sandbox has.
std::vector<WantedLine> wanted_lines(const SandboxPlan& plan) {
  const std::string none(16, '0');
  return {{"Umask", octal(plan.process.umask)},
          {"TracerPid", "0"},
          {"Uid", four_times(plan.identity.host_uid)},
          {"Gid", four_times(plan.identity.host_gid)},
          {"Groups", ""},
          {"Threads", "1"},
          {"CapInh", none},
          {"CapPrm", none},
          {"CapEff", none},
          {"CapBnd", none},
          {"CapAmb", none},
          {"NoNewPrivs", "1"},
          {"Seccomp", "2"}};
}

// Also of the same mount: by another one's ".." a directory is a way out. False: one of the two has
// gone, too.
bool is_same_place(const std::string& one, const std::string& other) {
  struct statx first{};
  struct statx second{};
  constexpr unsigned kWanted = STATX_INO | STATX_MNT_ID;
  return ::statx(AT_FDCWD, one.c_str(), 0, kWanted, &first) == 0 &&
         ::statx(AT_FDCWD, other.c_str(), 0, kWanted, &second) == 0 &&
         (first.stx_mask & second.stx_mask & kWanted) == kWanted &&
         first.stx_dev_major == second.stx_dev_major &&
         first.stx_dev_minor == second.stx_dev_minor && first.stx_ino == second.stx_ino &&
         first.stx_mnt_id == second.stx_mnt_id;
}

// SECURITY(entered-namespaces)
Status check_places(const EnteredProcess& entered, int init, BorrowedFd directory) {
  for (const char* each :
       {"ns/user", "ns/mnt", "ns/pid", "ns/net", "ns/ipc", "ns/uts", "ns/cgroup", "root"})
    if (!is_same_place(proc_path(entered.pid, each), proc_path(init, each)))
      return fail(not_held(std::string("its ") + each + " is not the sandbox's"));
  if (!is_same_place(proc_path(entered.pid, "cwd"),
                     "/proc/self/fd/" + std::to_string(directory.get())))
    return fail(not_held("it is in another directory than it was given"));
  return {};
}

// Of the hierarchies that hold the sandbox; in the others it is where its application is.
// SECURITY(entered-cgroup)
Status check_cgroup(const EnteredProcess& entered, int init, const SandboxPlan& plan) {
  if (!plan.cgroup.wanted) return {};
  const std::string own = "\n" + read_file(proc_path(entered.pid, "cgroup")).value_or("");
  const std::string wanted = read_file(proc_path(init, "cgroup")).value_or("");
  bool is_held = false;
  for (std::string_view rest = wanted; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    if (line.empty()) break;
    rest.remove_prefix(line.size());
    if (line.find("/" + plan.cgroup.name + "\n") == std::string_view::npos) continue;
    is_held = own.find("\n" + std::string(line)) != std::string::npos;
    if (!is_held) break;
  }
  return is_held ? Status() : fail(not_held("it is not in the sandbox's cgroup"));
}

// SECURITY(entered-limits)
Status check_limits(const EnteredProcess& entered, const SandboxPlan& plan) {
  for (const RlimitEntry& each : plan.rlimits) {
    struct rlimit has{};
    if (::prlimit(entered.pid, static_cast<__rlimit_resource>(each.resource), nullptr, &has) != 0)
      return fail(errno_error("prlimit", "function"));
    if (has.rlim_cur != each.soft || has.rlim_max != each.hard)
      return fail(not_held("its resource limits are not the sandbox's"));
  }
  return {};
}

// SECURITY(entered-standing): a real-time process is beyond the cgroup's share of the processors,
// and one that the OOM killer spares beyond its memory.
Status check_standing(const EnteredProcess& entered, int init) {
  YETT_TRY(const Standing wanted, standing_of(init));
  YETT_TRY(const Standing has, standing_of(entered.pid));
  if (has.nice != wanted.nice)
    return fail(not_held("its nice value is " + std::to_string(has.nice) + " and not " +
                         std::to_string(wanted.nice)));
  if (has.oom_score_adj != wanted.oom_score_adj)
    return fail(not_held("its oom_score_adj is " + std::to_string(has.oom_score_adj) + " and not " +
                         std::to_string(wanted.oom_score_adj)));
  const int policy = ::sched_getscheduler(entered.pid);
  if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
    return fail(not_held("its scheduling policy is no ordinary one"));
  const long io = ::syscall(SYS_ioprio_get, kOfProcess, entered.pid);
  if (io >= 0 && io >> kIoClassShift == kRealTimeIo)
    return fail(not_held("its I/O priority is real-time"));
  return {};
}

// A directory is a way out of the root, its own listener one out of the filter, and a cgroup's file
// one out of the cgroup. Empty: none of these. SECURITY(entered-descriptors)
std::string fault_of_descriptor(const std::string& path) {
  std::array<char, 64> link{};
  const ssize_t size = ::readlink(path.c_str(), link.data(), link.size());
  if (size < 0) return "has gone";
  if (std::string_view(link.data(), static_cast<std::size_t>(size)) == "anon_inode:seccomp notify")
    return "is a filter's listener";
  struct stat status{};
  struct statfs system{};
  if (::stat(path.c_str(), &status) != 0 || ::statfs(path.c_str(), &system) != 0)
    return "cannot be looked at";
  if (S_ISDIR(status.st_mode)) return "is a directory, which would be a way out";
  const auto magic = static_cast<unsigned long>(system.f_type);
  if (magic == CGROUP_SUPER_MAGIC || magic == CGROUP2_SUPER_MAGIC) return "is a cgroup's";
  return {};
}

Status check_descriptors(const EnteredProcess& entered) {
  const std::string directory = proc_path(entered.pid, "fd");
  const std::vector<std::string> numbers = names_in(directory);
  if (numbers.empty()) return fail(not_held("its descriptors cannot be looked at"));
  for (const std::string& number : numbers)
    if (const std::string fault = fault_of_descriptor(directory + "/" + number); !fault.empty())
      return fail(not_held("its descriptor " + number + " " + fault));
  return {};
}

unsigned filters_of_parent(std::string_view status) {
  const int parent = static_cast<int>(number_of(status, "PPid"));
  if (parent == 0) return 0;  // it is not to be seen from here
  return number_of(read_file(proc_path(parent, "status")).value_or(""), "Seccomp_filters");
}

// Of the sandbox's pid namespace; on the host.
Result<int> only_one_beside(int init) {
  std::vector<int> members = members_of_pid_namespace(init);
  std::erase(members, init);
  if (members.size() == 1) return members.front();
  return fail(not_held(members.empty() ? "nobody has come into the sandbox's pid namespace"
                                       : "more than one process has come in"));
}

}  // namespace

Result<Standing> standing_of(int pid) {
  errno = 0;
  const int nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(pid));
  if (errno != 0) return fail(errno_error("getpriority", "sandbox"));
  const std::string text = read_line_file(proc_path(pid, "oom_score_adj")).value_or("");
  const std::string_view digits = std::string_view(text).substr(text.starts_with('-') ? 1 : 0);
  const auto number = parse_decimal(digits, kMostOomScoreAdj);
  if (!number) return fail(errno_error(ESRCH, "read oom_score_adj", "sandbox"));
  const int amount = static_cast<int>(*number);
  return Standing{.nice = nice, .oom_score_adj = digits.size() < text.size() ? -amount : amount};
}

Result<EnteredProcess> find_entered(int init) {
  EnteredProcess entered;
  YETT_TRY(entered.pid, only_one_beside(init));
  YETT_TRY(entered.pidfd, open_pidfd(entered.pid));
  const std::string status = read_file(proc_path(entered.pid, "status")).value_or("");
  const std::string_view numbers = line_of(status, "NSpid").value_or("");
  const auto inside = parse_decimal(numbers.substr(numbers.rfind('\t') + 1), INT_MAX);
  if (!inside) return fail(not_held("it has ended"));
  entered.inside = static_cast<int>(*inside);
  return entered;
}

std::string fault_in_status(std::string_view status, const SandboxPlan& plan,
                            unsigned filters_before) {
  for (const WantedLine& each : wanted_lines(plan))
    if (const auto has = line_of(status, each.key); !has || *has != each.value)
      return std::string(each.key) + " is " + escape_for_terminal(has.value_or("missing")) +
             " and not " + escape_for_terminal(each.value);
  if (number_of(status, "Seccomp_filters") <= filters_before)
    return "it has no filter more than its parent";
  if (line_of(status, "NSsid") != line_of(status, "NSpid")) return "its session is another's";
  return {};
}

Status verify_entered(const EnteredProcess& entered, int init, const SandboxPlan& plan,
                      BorrowedFd directory) {
  YETT_CHECK(check_places(entered, init, directory));
  const std::string status = read_file(proc_path(entered.pid, "status")).value_or("");
  if (std::string fault = fault_in_status(status, plan, filters_of_parent(status)); !fault.empty())
    return fail(not_held(std::move(fault)));
  // SECURITY(entered-alone): one of its making would have the listener still. It has no thread that
  // could make one after this look.
  YETT_TRY(const int only_one, only_one_beside(init));
  if (only_one != entered.pid) return fail(not_held("another process has come in"));
  YETT_CHECK(check_cgroup(entered, init, plan));
  YETT_CHECK(check_limits(entered, plan));
  YETT_CHECK(check_standing(entered, init));
  return check_descriptors(entered);
}

}  // namespace yett
