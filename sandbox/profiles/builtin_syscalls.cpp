#include "sandbox/profiles/builtin_syscalls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/profiles/argument_profiles.hpp"

namespace yett {
namespace {

// Refusals that run-time libraries cause at each start, or that are a documented way to feel for a
// newer interface: a record of each would only bury those that matter.
constexpr std::array<std::string_view, 6> kQuiet{
    "clone3",         // glibc tries it first for each thread and falls back to clone
    "mbind",          // allocators ask about NUMA
    "set_mempolicy",  //
    "get_mempolicy",  //
    "futex_waitv",    // Wine and .NET probe it
    "mseal",          // newer C libraries seal their text
};

constexpr auto kRvisor = std::to_array<std::string_view>({
    "read",
    "write",
    "openat",
    "close",
    "fstat",
    "newfstatat",
    "lseek",
    "ioctl",
    "pread64",
    "pwrite64",
    "readv",
    "writev",
    "sendfile",
    "fcntl",
    "fsync",
    "fdatasync",
    "truncate",
    "ftruncate",
    "getdents64",
    "getcwd",
    "chdir",
    "renameat",
    "mkdirat",
    "linkat",
    "unlinkat",
    "readlinkat",
    "faccessat",
    "copy_file_range",
    "sync",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    "exit_group",
    "set_tid_address",
    "clock_gettime",
    "getpid",
    "gettid",
    "uname",
    "getppid",
    "open",
    "stat",
    "lstat",
    "access",
    "dup2",
    "fork",
    "vfork",
    "rename",
    "mkdir",
    "rmdir",
    "link",
    "unlink",
    "readlink",
});
static_assert(kRvisor.size() == 53);

constexpr auto kRvisorExtra = std::to_array<ExtraCall>({
    {"execve", "starts the program itself"},
    {"arch_prctl", "sets the thread pointer before main"},
    {"set_robust_list", "the C library's start-up calls it for the first thread"},
    {"rseq", "the C library's start-up registers the first thread"},
    {"prlimit64", "the C library's start-up reads the stack's limit; changes are answered"},
    {"getrandom", "seeds the allocator before main"},
    {"rt_sigaction", "start-up of shells and interpreters; a default SIGPIPE kills them otherwise"},
    {"rt_sigprocmask", "fork and vfork of the C library block signals around them"},
    {"rt_sigreturn", "returning from any handler; without it a handled signal is a crash"},
    {"futex", "locks of the C library, also with one thread at exit"},
    {"wait4", "fork without it leaves zombies and no status"},
    {"exit", "ends a thread, and the child of vfork in some libraries"},
});

int errno_of_note(std::string_view note) {
  if (note.starts_with("ENOSYS")) return ENOSYS;
  if (note.starts_with("EINVAL")) return EINVAL;
  return EPERM;
}

SyscallRule base_rule(const SyscallEntry& entry) {
  static const FileName kSource("plugin");
  SyscallRule rule;
  rule.name = entry.name;
  rule.number = entry.number;
  rule.reason = entry.note;
  rule.refuse_errno = errno_of_note(entry.note);
  rule.source.file = kSource;
  return rule;
}

SyscallRule refused_rule(const SyscallEntry& entry) {
  SyscallRule rule = base_rule(entry);
  rule.action = entry.tier == SyscallTier::kill ? SyscallAction::kill : SyscallAction::refuse;
  rule.quiet = std::ranges::find(kQuiet, entry.name.text()) != kQuiet.end();
  return rule;
}

}  // namespace

SyscallRule make_allow_rule(const SyscallEntry& entry) {
  SyscallRule rule = base_rule(entry);
  rule.action = SyscallAction::allow;
  rule.object_checked = entry.tier == SyscallTier::object;
  if (entry.tier != SyscallTier::argument) return rule;
  const ArgumentProfile* profile = find_argument_profile(entry.name);
  rule.when = profile->when;
  rule.otherwise = profile->otherwise;
  rule.refuse_errno = profile->refuse_errno;
  rule.quiet = profile->quiet;
  rule.reason = profile->reason;
  return rule;
}

SyscallRule make_plugin_rule(const SyscallEntry& entry) {
  const bool refused = entry.tier == SyscallTier::refuse || entry.tier == SyscallTier::kill;
  SyscallRule rule = refused ? refused_rule(entry) : make_allow_rule(entry);
  if (entry.tier == SyscallTier::notify) rule.action = SyscallAction::notify;
  return rule;
}

std::vector<SyscallRule> make_plugin_syscalls() {
  std::vector<SyscallRule> rules;
  rules.reserve(all_syscalls().size());
  for (const SyscallEntry& entry : all_syscalls()) rules.push_back(make_plugin_rule(entry));
  return rules;
}

std::uint64_t plugin_fingerprint() {
  return syscall_table_fingerprint() * 31 + argument_profiles_fingerprint();
}

std::vector<SyscallRule> make_rvisor_syscalls() {
  const FileName source("rvisor");
  std::vector<SyscallRule> rules;
  rules.reserve(all_syscalls().size());
  for (const SyscallEntry& entry : all_syscalls()) {
    const auto* extra = std::ranges::find(kRvisorExtra, entry.name.text(), &ExtraCall::name);
    const bool listed = std::ranges::find(kRvisor, entry.name.text()) != kRvisor.end();
    const bool allowed = listed || extra != kRvisorExtra.end();
    rules.push_back(allowed ? make_allow_rule(entry) : refused_rule(entry));
    // A harmless call that is only not on the list: the C library then tries the older one.
    const bool harmless = entry.tier != SyscallTier::refuse && entry.tier != SyscallTier::kill;
    if (!allowed && harmless) rules.back().refuse_errno = ENOSYS;
    if (extra != kRvisorExtra.end()) rules.back().reason = extra->reason;
    rules.back().source.file = source;
  }
  return rules;
}

std::span<const ExtraCall> rvisor_extra_calls() { return kRvisorExtra; }
std::span<const std::string_view> rvisor_calls() { return kRvisor; }

}  // namespace yett
