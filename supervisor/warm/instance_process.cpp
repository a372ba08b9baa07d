#include "supervisor/warm/instance_process.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <span>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/include/yett/uapi.h"
#include "ioctl_uapi/send_fds.hpp"
#include "supervisor/control/call_memory.hpp"

namespace yett {
namespace {

static_assert(sizeof(yett_ready) == YETT_READY_SIZE_1);

// What a message to the instance lies in, within its scratch page.
struct MessageRoom {
  msghdr header{};
  iovec data{};
  char byte = 0;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostFdsOfMessage)> control{};
};
static_assert(sizeof(MessageRoom) <= kScratchSize);

template <typename Value>
std::span<const std::byte> bytes_of(const Value& value) {
  return std::as_bytes(std::span(&value, 1));
}
template <typename Value>
std::span<std::byte> bytes_into(Value& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

template <typename Member>
void* at(std::uint64_t base, const MessageRoom& room, const Member& member) {
  const auto offset =
      reinterpret_cast<const std::byte*>(&member) - reinterpret_cast<const std::byte*>(&room);
  return reinterpret_cast<void*>(base + static_cast<std::uint64_t>(offset));
}

// SECURITY(no-directory-on-stdio): as of any launch.
Status check_descriptors(const std::array<UniqueFd, 3>& descriptors) {
  for (const UniqueFd& each : descriptors) {
    struct stat status{};
    if (::fstat(each.get(), &status) != 0) return fail(errno_error("fstat", "descriptor"));
    if (S_ISDIR(status.st_mode)) return fail(errno_error(EISDIR, "give", "descriptor"));
  }
  return {};
}

// "CapEff:\t0000000000000000": its value, as text.
std::string status_field(const std::string& line, std::string_view name) {
  if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') return {};
  const std::size_t first = line.find_first_not_of(" \t", name.size() + 1);
  return first == std::string::npos ? std::string() : line.substr(first);
}

// SECURITY(instance-caps): what it had to have over its own namespaces it has no more; and what it
// has from the template is in force. Asked of the kernel, not concluded.
Status check_status(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  int good = 0;
  for (std::string line; std::getline(status, line);) {
    for (const char* name : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
      if (status_field(line, name).find_first_not_of('0') == std::string::npos &&
          line.starts_with(name))
        ++good;
    if (status_field(line, "NoNewPrivs") == "1" || status_field(line, "Seccomp") == "2") ++good;
    if (status_field(line, "NSpid").ends_with("\t1")) ++good;
  }
  constexpr int kAll = 8;
  if (good == kAll) return {};
  return fail(Error{.kind = ErrorKind::internal,
                    .operation = "begin an instance",
                    .detail = "it is not held as its template is"});
}

}  // namespace

Status send_descriptors(BorrowedFd line, InstanceProgram& program) {
  for (UniqueFd& each : program.descriptors)
    if (!each.valid()) each.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  YETT_CHECK(check_descriptors(program.descriptors));
  std::array<int, 3> given{};
  std::ranges::transform(program.descriptors, given.begin(), &UniqueFd::get);
  const int sent = send_with_fds(line.get(), "", 1, given);
  return sent == 0 ? Status() : fail(errno_error(sent, "give", "descriptors"));
}

Result<InstanceProcess> InstanceProcess::make(Newborn newborn, const TemplateProcess& made_of) {
  InstanceProcess made(std::move(newborn), made_of);
  YETT_CHECK(made.open_line());
  return made;
}

Status InstanceProcess::open_line() {
  YETT_CHECK(process_.call("socketpair", SYS_socketpair, {AF_UNIX, SOCK_SEQPACKET, 0, scratch_}));
  std::array<int, 2> ends{-1, -1};
  YETT_CHECK(process_.read(scratch_, bytes_into(ends)));
  YETT_TRY(const UniqueFd pidfd, open_pidfd(process_.pid()));
  line_.reset(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), ends[0], 0)));
  if (!line_.valid()) return fail(errno_error("pidfd_getfd", "instance"));
  their_line_ = ends[1];
  YETT_CHECK(process_.call("close", SYS_close, {static_cast<std::uint64_t>(ends[0])}));
  return {};
}

Result<std::vector<int>> InstanceProcess::take_descriptors(std::size_t count) {
  std::vector<int> numbers(count);
  const std::size_t size = std::span(numbers).size_bytes();
  MessageRoom room;
  room.data = {.iov_base = at(scratch_, room, room.byte), .iov_len = 1};
  room.header.msg_iov = static_cast<iovec*>(at(scratch_, room, room.data));
  room.header.msg_iovlen = 1;
  room.header.msg_control = at(scratch_, room, room.control);
  room.header.msg_controllen = CMSG_LEN(size);
  YETT_CHECK(process_.write(scratch_, bytes_of(room)));
  YETT_CHECK(process_.call("recvmsg", SYS_recvmsg,
                           {static_cast<std::uint64_t>(their_line_), scratch_, MSG_DONTWAIT}));
  YETT_CHECK(process_.read(scratch_, bytes_into(room)));
  cmsghdr rights{};
  std::memcpy(&rights, room.control.data(), sizeof rights);
  if (rights.cmsg_len != CMSG_LEN(size) || rights.cmsg_type != SCM_RIGHTS ||
      (room.header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0)
    return fail(errno_error(EMFILE, "give", "descriptors"));
  std::memcpy(numbers.data(), room.control.data() + CMSG_LEN(0), size);
  return numbers;
}

Status InstanceProcess::join_cgroup(BorrowedFd task_file) {
  const std::array<int, 1> given{task_file.get()};
  if (const int sent = send_with_fds(line_.get(), "", 1, given); sent != 0)
    return fail(errno_error(sent, "give", "cgroup"));
  YETT_TRY(const std::vector<int> numbers, take_descriptors(given.size()));
  const auto number = static_cast<std::uint64_t>(numbers.front());
  constexpr char kItself = '0';
  YETT_CHECK(process_.write(scratch_, bytes_of(kItself)));
  YETT_CHECK(process_.call("join cgroup", SYS_write, {number, scratch_, 1}));
  YETT_CHECK(process_.call("close", SYS_close, {number}));
  return {};
}

Status InstanceProcess::change_directory() {
  if (directory_.size() < PATH_MAX) {
    YETT_CHECK(process_.write(scratch_,
                              std::as_bytes(std::span(directory_.c_str(), directory_.size() + 1))));
    if (process_.call("chdir", SYS_chdir, {scratch_})) return {};
  }
  // The template had made it; what is written is each one's own.
  YETT_CHECK(process_.write(scratch_, std::as_bytes(std::span("/", 2))));
  YETT_CHECK(process_.call("chdir", SYS_chdir, {scratch_}));
  return {};
}

Status InstanceProcess::drop_capabilities() {
  constexpr std::uint64_t kLockedSecurebits =
      SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
      SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
      SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  YETT_CHECK(process_.call("securebits", SYS_prctl, {PR_SET_SECUREBITS, kLockedSecurebits}));
  for (std::uint64_t capability = 0; capability < 64; ++capability) {
    const auto dropped = process_.call("capabilities", SYS_prctl, {PR_CAPBSET_DROP, capability});
    if (dropped) continue;
    if (dropped.error().sys_errno == EINVAL) break;  // past the kernel's last
    return fail(dropped.error());
  }
  YETT_CHECK(process_.call("capabilities", SYS_prctl, {PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL}));
  struct Sets {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> none{};
  };
  constexpr Sets kSets;
  YETT_CHECK(process_.write(scratch_, bytes_of(kSets)));
  YETT_CHECK(process_.call("capset", SYS_capset, {scratch_, scratch_ + offsetof(Sets, none)}));
  return {};
}

Status InstanceProcess::take_identity() {
  YETT_CHECK(process_.call("setsid", SYS_setsid));
  const auto keyring = process_.call("keyctl", SYS_keyctl, {KEYCTL_JOIN_SESSION_KEYRING, 0});
  if (!keyring && keyring.error().sys_errno != ENOSYS) return fail(keyring.error());
  YETT_CHECK(process_.call("unshare cgroup namespace", SYS_unshare, {CLONE_NEWCGROUP}));
  YETT_CHECK(change_directory());
  if (robust_list_[0] != 0)
    YETT_CHECK(
        process_.call("set_robust_list", SYS_set_robust_list, {robust_list_[0], robust_list_[1]}));
  YETT_CHECK(drop_capabilities());
  // The template's: what is given takes their places.
  YETT_CHECK(process_.call("close_range", SYS_close_range, {0, 2, 0}));
  return check_status(process_.pid());
}

// Into its struct yett_ready, and the room that it has named there.
Status InstanceProcess::tell(const InstanceProgram& program) {
  yett_ready told{};
  YETT_CHECK(process_.read(argument_, bytes_into(told)));
  const std::string strings = join_strings(program.arguments) + join_strings(program.environment);
  if (strings.size() > told.strings_room) return fail(errno_error(E2BIG, "tell", "arguments"));
  YETT_CHECK(process_.write(told.strings, std::as_bytes(std::span(strings))));
  told.argument_count = static_cast<std::uint32_t>(program.arguments.size());
  told.environment_count = static_cast<std::uint32_t>(program.environment.size());
  told.strings_size = static_cast<std::uint32_t>(strings.size());
  // SECURITY(instance-seed): never the same twice; the kernel's own generator.
  if (::getrandom(static_cast<void*>(told.seed), sizeof told.seed, 0) != sizeof told.seed)
    return fail(errno_error("getrandom"));
  // As much as it has: its `size` stays.
  return process_.write(argument_, bytes_of(told).first(YETT_READY_SIZE_1));
}

Status InstanceProcess::run(const InstanceProgram& program) {
  YETT_TRY(const std::vector<int> numbers, take_descriptors(program.descriptors.size()));
  if (numbers != std::vector<int>{0, 1, 2}) return fail(errno_error(EBADF, "give", "descriptors"));
  YETT_CHECK(process_.call("close_range", SYS_close_range, {3, ~0U, 0}));
  line_.reset();
  YETT_CHECK(tell(program));
  return process_.let_go(0);
}

}  // namespace yett
