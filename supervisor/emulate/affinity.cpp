// sched_getaffinity(2): by its answer nproc, the C++ and Java libraries and OpenMP choose how many
// threads to run. Safe to answer: it tells a part of what the kernel would tell, and binds nothing.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

using Word = unsigned long;
constexpr std::size_t kWordBits = sizeof(Word) * 8;
constexpr std::size_t kMostBytes = 8192 / 8;  // NR_CPUS of the largest kernels
using Mask = std::array<Word, kMostBytes / sizeof(Word)>;

// Size in bytes, or -errno: as the kernel itself answers.
long mask_of_thread(std::uint32_t thread, std::size_t size, Mask& mask) {
  const long got = ::syscall(SYS_sched_getaffinity, thread, size, mask.data());
  return got < 0 ? -errno : got;
}

// "Cpus_allowed:\t00000000,0000000f" of a process by the number that the target knows it by, read
// in the target's own /proc. SECURITY(proc-of-target): links of its making are followed within its
// root only, and a file that is not the kernel's is not read.
std::string allowed_text(const PendingNotification& pending, std::int32_t inner) {
  std::array<char, 48> path{};
  std::snprintf(path.data(), path.size(), "/proc/%u/root", pending.thread_id());
  const UniqueFd root(::open(path.data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid() || !pending.still_valid()) return {};
  std::snprintf(path.data(), path.size(), "/proc/%d/status", inner);
  const UniqueFd file(
      sys_open_in_root(root.get(), path.data(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0));
  struct statfs filesystem{};
  if (!file.valid() || ::fstatfs(file.get(), &filesystem) != 0 ||
      filesystem.f_type != PROC_SUPER_MAGIC)
    return {};
  std::array<char, 8192> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  const std::string_view status(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  constexpr std::string_view kKey = "\nCpus_allowed:\t";
  const std::size_t at = status.find(kKey);
  if (at == std::string_view::npos) return {};
  const std::string_view value = status.substr(at + kKey.size());
  return std::string(value.substr(0, value.find('\n')));
}

// Groups of 32 bits in hexadecimal, the highest first.
bool parse_mask(std::string_view text, Mask& mask) {
  for (std::size_t group = 0; !text.empty(); ++group) {
    const std::size_t comma = text.rfind(',');
    const std::string_view digits = comma == std::string_view::npos ? text : text.substr(comma + 1);
    std::uint32_t bits = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
    if (parsed.ec != std::errc() || group / 2 >= mask.size()) return false;
    mask[group / 2] |= Word{bits} << (32 * (group % 2));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(0, comma);
  }
  return true;
}

long mask_of_other(const PendingNotification& pending, std::int32_t inner, std::size_t size,
                   Mask& mask) {
  // The kernel's checks of the size, and the size of its answer.
  const long answered = mask_of_thread(0, size, mask);
  if (answered < 0) return answered;
  mask.fill(0);
  const std::string allowed = allowed_text(pending, inner);
  if (allowed.empty() || !parse_mask(allowed, mask)) return -ESRCH;
  return answered;
}

void keep_lowest(Mask& mask, unsigned count) {
  for (Word& word : mask) {
    Word kept = 0;
    for (Word left = word; left != 0 && count > 0; left &= left - 1, --count)
      kept |= Word{1} << static_cast<unsigned>(std::countr_zero(left));
    word = kept;
  }
}

static_assert(kWordBits == 64);

}  // namespace

CallAnswer emulate_getaffinity(const PendingNotification& pending, unsigned cpus) {
  const auto& arguments = pending.data().args;
  const auto inner = static_cast<std::int32_t>(arguments[0]);
  const auto size = static_cast<unsigned>(arguments[1]);
  if (size % sizeof(Word) != 0) return {.error = EINVAL};
  if (pending.thread_id() == 0) return {.error = EPERM};
  Mask mask{};
  const std::size_t asked = std::min<std::size_t>(size, kMostBytes);
  bool own = inner == 0;
  if (!own && inner > 0) {
    const auto ids = read_inner_ids(pending);
    own = ids && inner == ids->thread;
  }
  if (inner < 0) return {.error = EINVAL};
  const long told = own ? mask_of_thread(pending.thread_id(), asked, mask)
                        : mask_of_other(pending, inner, asked, mask);
  if (told < 0) return {.error = static_cast<int>(-told)};
  if (cpus != 0) keep_lowest(mask, cpus);
  const auto bytes = std::as_bytes(std::span(mask)).first(static_cast<std::size_t>(told));
  const int error = errno_for_target(write_target(pending, arguments[2], bytes));
  return {.error = error, .value = error == 0 ? told : 0};
}

}  // namespace yett
