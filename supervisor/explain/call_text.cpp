#include "supervisor/explain/call_text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <span>

#include "supervisor/explain/argument_names.hpp"

namespace yett {
namespace {

using Kind = ArgumentKind;

// In the table itself: a pointer to it would have to be relocated, in memory of each process's own.
struct ArgumentName {
  constexpr ArgumentName() = default;
  consteval ArgumentName(const char* name) {  // NOLINT: made of what it stands for
    std::size_t length = 0;
    while (name[length] != 0) ++length;
    std::copy_n(name, length, text.begin());  // a longer one does not compile
  }
  [[nodiscard]] const char* get() const { return text.data(); }
  std::array<char, 13> text{};
};

struct Argument {
  Kind kind = Kind::end;
  ArgumentName name;
  NameTable table{};
};

struct Call {
  std::uint32_t number;
  std::array<Argument, 6> arguments;
};

consteval Argument number(ArgumentName name) { return {Kind::number, name}; }
consteval Argument hex(ArgumentName name) { return {Kind::hex, name}; }
consteval Argument mode(ArgumentName name) { return {Kind::octal, name}; }
consteval Argument memory(ArgumentName name) { return {Kind::address, name}; }
consteval Argument named(ArgumentName name, NameTable table) { return {Kind::named, name, table}; }
consteval Argument flags(ArgumentName name, NameTable table) { return {Kind::flags, name, table}; }
constexpr Argument kFd{Kind::descriptor, "fd"};
constexpr Argument kDirectory{Kind::directory, "dirfd"};
constexpr Argument kOldDirectory{Kind::directory, "olddirfd"};
constexpr Argument kNewDirectory{Kind::directory, "newdirfd"};
constexpr Argument kPath{Kind::path, "path"};
constexpr Argument kOldPath{Kind::path, "oldpath"};
constexpr Argument kNewPath{Kind::path, "newpath"};
constexpr Argument kPeer{Kind::socket_address, "addr"};
constexpr Argument kLimit{Kind::rlimit, "limit"};
constexpr Argument kMode = mode("mode");
constexpr Argument kOpen = flags("flags", NameTable::open_flags);
constexpr Argument kFamily = named("domain", NameTable::socket_family);
constexpr Argument kType{Kind::socket_type, "type"};

constexpr auto kCalls = std::to_array<Call>({
    {SYS_open, {kPath, kOpen, kMode}},
    {SYS_openat, {kDirectory, kPath, kOpen, kMode}},
    {SYS_openat2, {kDirectory, kPath, Argument{Kind::open_how, "how"}, number("size")}},
    {SYS_creat, {kPath, kMode}},
    {SYS_stat, {kPath, memory("buf")}},
    {SYS_lstat, {kPath, memory("buf")}},
    {SYS_newfstatat, {kDirectory, kPath, memory("buf"), flags("flags", NameTable::unlink_flags)}},
    {SYS_statx, {kDirectory, kPath, hex("flags"), hex("mask"), memory("buf")}},
    {SYS_access, {kPath, flags("mode", NameTable::access_mode)}},
    {SYS_faccessat, {kDirectory, kPath, flags("mode", NameTable::access_mode)}},
    {SYS_faccessat2, {kDirectory, kPath, flags("mode", NameTable::access_mode), hex("flags")}},
    {SYS_readlink, {kPath, memory("buf"), number("size")}},
    {SYS_readlinkat, {kDirectory, kPath, memory("buf"), number("size")}},
    {SYS_chdir, {kPath}},
    {SYS_execve, {kPath, memory("argv"), memory("envp")}},
    {SYS_execveat, {kDirectory, kPath, memory("argv"), memory("envp"), hex("flags")}},
    {SYS_mkdir, {kPath, kMode}},
    {SYS_mkdirat, {kDirectory, kPath, kMode}},
    {SYS_rmdir, {kPath}},
    {SYS_unlink, {kPath}},
    {SYS_unlinkat, {kDirectory, kPath, flags("flags", NameTable::unlink_flags)}},
    {SYS_rename, {kOldPath, kNewPath}},
    {SYS_renameat, {kOldDirectory, kOldPath, kNewDirectory, kNewPath}},
    {SYS_renameat2, {kOldDirectory, kOldPath, kNewDirectory, kNewPath, hex("flags")}},
    {SYS_link, {kOldPath, kNewPath}},
    {SYS_linkat, {kOldDirectory, kOldPath, kNewDirectory, kNewPath, hex("flags")}},
    {SYS_symlink, {Argument{Kind::path, "target"}, kPath}},
    {SYS_symlinkat, {Argument{Kind::path, "target"}, kDirectory, kPath}},
    {SYS_chmod, {kPath, kMode}},
    {SYS_fchmodat, {kDirectory, kPath, kMode}},
    {SYS_chown, {kPath, number("owner"), number("group")}},
    {SYS_fchownat, {kDirectory, kPath, number("owner"), number("group"), hex("flags")}},
    {SYS_truncate, {kPath, number("length")}},
    {SYS_utimensat, {kDirectory, kPath, memory("times"), hex("flags")}},
    {SYS_mknod, {kPath, kMode, hex("dev")}},
    {SYS_mknodat, {kDirectory, kPath, kMode, hex("dev")}},
    {SYS_write, {kFd, memory("buf"), number("count")}},
    {SYS_pwrite64, {kFd, memory("buf"), number("count"), number("offset")}},
    {SYS_ftruncate, {kFd, number("length")}},
    {SYS_fallocate, {kFd, hex("mode"), number("offset"), number("length")}},
    {SYS_mmap,
     {hex("addr"), number("length"), flags("prot", NameTable::mmap_protection), hex("flags"), kFd,
      hex("offset")}},
    {SYS_mprotect, {hex("addr"), number("length"), flags("prot", NameTable::mmap_protection)}},
    {SYS_madvise, {hex("addr"), number("length"), named("advice", NameTable::madvise_advice)}},
    {SYS_mincore, {hex("addr"), number("length"), memory("vec")}},
    {SYS_mlockall, {hex("flags")}},
    {SYS_mlock2, {hex("addr"), number("length"), hex("flags")}},
    {SYS_socket, {kFamily, kType, number("protocol")}},
    {SYS_socketpair, {kFamily, kType, number("protocol"), memory("sv")}},
    {SYS_connect, {kFd, kPeer, number("addrlen")}},
    {SYS_bind, {kFd, kPeer, number("addrlen")}},
    {SYS_listen, {kFd, number("backlog")}},
    {SYS_sendto, {kFd, memory("buf"), number("length"), hex("flags"), kPeer, number("addrlen")}},
    {SYS_sendmsg, {kFd, memory("msg"), hex("flags")}},
    {SYS_setsockopt, {kFd, number("level"), number("option"), memory("value"), number("size")}},
    {SYS_getsockopt, {kFd, number("level"), number("option"), memory("value"), memory("size")}},
    {SYS_clone, {flags("flags", NameTable::clone_flags), hex("stack")}},
    {SYS_unshare, {flags("flags", NameTable::clone_flags)}},
    {SYS_setns, {kFd, flags("type", NameTable::clone_flags)}},
    {SYS_fork, {}},
    {SYS_vfork, {}},
    {SYS_ptrace,
     {named("request", NameTable::ptrace_request), number("pid"), hex("addr"), hex("data")}},
    {SYS_prctl,
     {named("option", NameTable::prctl_option), hex("arg2"), hex("arg3"), hex("arg4"),
      hex("arg5")}},
    {SYS_arch_prctl, {named("option", NameTable::arch_prctl_option), hex("addr")}},
    {SYS_ioctl, {kFd, named("request", NameTable::ioctl_request), hex("argument")}},
    {SYS_fcntl, {kFd, named("command", NameTable::fcntl_command), hex("argument")}},
    {SYS_personality, {flags("persona", NameTable::personality)}},
    {SYS_setrlimit, {named("resource", NameTable::resource), kLimit}},
    {SYS_prlimit64, {number("pid"), named("resource", NameTable::resource), kLimit, memory("old")}},
    {SYS_mount,
     {Argument{Kind::path, "source"}, Argument{Kind::path, "target"}, Argument{Kind::path, "type"},
      flags("flags", NameTable::mount_flags), memory("data")}},
    {SYS_umount2, {Argument{Kind::path, "target"}, hex("flags")}},
    {SYS_chroot, {kPath}},
    {SYS_bpf, {named("command", NameTable::bpf_command), memory("attr"), number("size")}},
    {SYS_keyctl, {named("operation", NameTable::keyctl_operation), hex("arg2"), hex("arg3")}},
    {SYS_add_key,
     {Argument{Kind::path, "type"}, Argument{Kind::path, "description"}, memory("payload"),
      number("size"), number("keyring")}},
    {SYS_io_uring_setup, {number("entries"), memory("params")}},
    {SYS_perf_event_open, {memory("attr"), number("pid"), number("cpu"), kFd, hex("flags")}},
    {SYS_process_vm_readv,
     {number("pid"), memory("local"), number("count"), memory("remote"), number("count"),
      hex("flags")}},
    {SYS_kcmp, {number("pid1"), number("pid2"), number("type"), number("idx1"), number("idx2")}},
    {SYS_shmget, {number("key"), number("size"), hex("flags")}},
    {SYS_semget, {number("key"), number("count"), hex("flags")}},
    {SYS_msgget, {number("key"), hex("flags")}},
    {SYS_io_setup, {number("events"), memory("context")}},
    {SYS_userfaultfd, {hex("flags")}},
    {SYS_memfd_create, {Argument{Kind::path, "name"}, hex("flags")}},
    {SYS_name_to_handle_at,
     {kDirectory, kPath, memory("handle"), memory("mount_id"), hex("flags")}},
    {SYS_ioprio_get, {number("which"), number("who")}},
    {SYS_ioprio_set, {number("which"), number("who"), hex("ioprio")}},
    {SYS_timer_create, {named("clock", NameTable::clock), memory("event"), memory("id")}},
    {SYS_kill, {number("pid"), number("signal")}},
    {SYS_getrandom, {memory("buf"), number("size"), hex("flags")}},
    {SYS_vmsplice, {kFd, memory("iov"), number("count"), hex("flags")}},
});

const Call* find_call(std::uint32_t number) {
  const auto* found = std::ranges::find(kCalls, number, &Call::number);
  return found == kCalls.end() ? nullptr : found;
}

// Small negative ints are what a register of 64 or 32 bits shows as a large number.
std::string plain_number(std::uint64_t value) {
  const auto low = static_cast<std::uint32_t>(value);
  if ((value >> 32) == 0 || (value >> 32) == 0xFFFFFFFF)
    if (const auto number = static_cast<std::int32_t>(low); number < 0 && number > -4096)
      return std::to_string(number);
  return std::to_string(value);
}

std::string directory_text(std::uint64_t value) {
  return static_cast<std::int32_t>(value) == AT_FDCWD ? "AT_FDCWD" : plain_number(value);
}

std::string type_text(std::uint64_t value) {
  constexpr std::uint64_t kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  return value_name(NameTable::socket_type, value & ~kFlags);
}

std::string value_text(const Argument& argument, std::uint64_t value, const std::string& behind) {
  if (!behind.empty()) return behind;
  switch (argument.kind) {
    case Kind::number:
    case Kind::descriptor:
      return plain_number(value);
    case Kind::octal:
      return fmt::format("{:#o}", value & 0177777);
    case Kind::directory:
      return directory_text(value);
    case Kind::named:
      return value_name(argument.table, static_cast<std::uint32_t>(value));
    case Kind::flags:
      return flag_names(argument.table, static_cast<std::uint32_t>(value));
    case Kind::socket_type:
      return type_text(value);
    default:
      return fmt::format("{:#x}", value);
  }
}

}  // namespace

ArgumentKind argument_kind(std::uint32_t call, std::size_t index) {
  const Call* known = find_call(call);
  return known != nullptr && index < 6 ? known->arguments[index].kind : Kind::end;
}

std::string call_text(std::string_view name, const Snapshot& snapshot, const ArgumentTexts& texts) {
  const Call* known = find_call(snapshot.call);
  std::string text(name);
  text += "(";
  for (std::size_t index = 0; index < snapshot.arguments.size(); ++index) {
    const Argument argument = known != nullptr ? known->arguments[index] : hex("");
    if (argument.kind == Kind::end) break;
    if (index != 0) text += ", ";
    if (*argument.name.get() != 0) text += fmt::format("{}=", argument.name.get());
    text += value_text(argument, snapshot.arguments[index], texts[index]);
  }
  return text + ")";
}

}  // namespace yett
