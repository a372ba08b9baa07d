#include "supervisor/meter/memory_meter.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/meter/process_tree.hpp"

namespace yett {
namespace {

using std::chrono::microseconds;

// What two processors fault in at most, and the bounds between which looks follow one another.
constexpr std::uint64_t kBytesPerMicrosecond = 8000;
constexpr microseconds kShortest{1000};
constexpr microseconds kLongest{100'000};
// A fifth of one processor at most.
constexpr int kRestPerLook = 4;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

// Asks for short turns, which come sooner: a hog that has the processors to itself must not keep
// them for the rest of its own (sched_setattr(2), Linux 6.12; older kernels give every turn alike).
void ask_for_short_turns() {
  struct {
    std::uint32_t size = 48;  // SCHED_ATTR_SIZE_VER0
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 100'000;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
  } attributes;
  errno = 0;
  attributes.nice = ::getpriority(PRIO_PROCESS, 0);
  if (errno == 0) static_cast<void>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

Directory list(BorrowedFd proc) {
  const int again = ::openat(proc.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0) return nullptr;
  Directory directory(::fdopendir(again));
  if (!directory) ::close(again);
  return directory;
}

bool is_process(const dirent& entry) {
  const std::string_view name(entry.d_name);
  return std::ranges::all_of(name, [](char each) { return each >= '0' && each <= '9'; });
}

std::string_view read_small(BorrowedFd proc, const char* process, const char* file,
                            std::array<char, 2048>& buffer) {
  const std::string path = std::string(process) + "/" + file;
  const UniqueFd opened(::openat(proc.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return {};
  const ssize_t size = ::read(opened.get(), buffer.data(), buffer.size());
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::uint64_t number_after(std::string_view text, std::size_t at) {
  at = text.find_first_of("0123456789", at);
  if (at == std::string_view::npos) return 0;
  std::uint64_t number = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), number);
  return number;
}

std::uint64_t kibibytes_of(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  return at == std::string_view::npos ? 0 : number_after(text, at + key.size()) * 1024;
}

// What one process holds, in bytes.
struct Held {
  std::uint64_t anonymous = 0;
  std::uint64_t all = 0;  // with shared memory and what is swapped out
};

// The second figure of statm: pages in memory, those of files too.
Held resident(BorrowedFd proc, const char* process) {
  std::array<char, 2048> buffer;
  const std::string_view text = read_small(proc, process, "statm", buffer);
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t space = text.find(' ');
  return {.all = space == std::string_view::npos ? 0 : number_after(text, space) * page};
}

// Without files: a page that two processes share counts for both.
Held without_files(BorrowedFd proc, const char* process) {
  std::array<char, 2048> buffer;
  const std::string_view text = read_small(proc, process, "status", buffer);
  const std::uint64_t anonymous = kibibytes_of(text, "\nRssAnon:");
  return {.anonymous = anonymous,
          .all = anonymous + kibibytes_of(text, "\nRssShmem:") + kibibytes_of(text, "\nVmSwap:")};
}

// Each page once, in 30 us for a megabyte. Who hides its memory (prctl PR_SET_DUMPABLE) is counted
// as if it shared none.
Held each_once(BorrowedFd proc, const char* process) {
  std::array<char, 2048> buffer;
  const std::string_view text = read_small(proc, process, "smaps_rollup", buffer);
  if (text.empty()) return without_files(proc, process);
  return {.all = kibibytes_of(text, "\nPss_Anon:") + kibibytes_of(text, "\nPss_Shmem:") +
                 kibibytes_of(text, "\nSwapPss:")};
}

struct Sum {
  std::uint64_t bytes = 0;
  std::uint64_t largest = 0;  // that one of them holds for itself, whatever it shares
  std::uint64_t processes = 0;
};

std::vector<std::string> processes_in(BorrowedFd proc, int below) {
  std::vector<std::string> names;
  if (below != 0) {
    for (const int process : processes_below(below)) names.push_back(std::to_string(process));
    return names;
  }
  const Directory directory = list(proc);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr)
    if (is_process(*entry)) names.emplace_back(entry->d_name);
  return names;
}

Sum sum_of(BorrowedFd proc, int below, Held (*held_by)(BorrowedFd, const char*)) {
  Sum sum;
  for (const std::string& process : processes_in(proc, below)) {
    const Held held = held_by(proc, process.c_str());
    sum.bytes += held.all;
    sum.largest = std::max(sum.largest, held.anonymous);
    ++sum.processes;
  }
  return sum;
}

// At once: until the death of the first process has reached the others, a hog goes on. A directory
// of /proc is a pidfd (pidfd_send_signal(2)), of whatever namespace.
void kill_all(BorrowedFd proc, int below) {
  for (const std::string& name : processes_in(proc, below)) {
    const UniqueFd process(::openat(proc.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (process.valid())
      static_cast<void>(::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0));
  }
}

}  // namespace

Result<MemoryMeter> MemoryMeter::open(int init, std::uint64_t limit_bytes) {
  const std::string path = "/proc/" + std::to_string(init) + "/root/proc";
  UniqueFd proc(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return fail(errno_error("open the sandbox's /proc", path));
  ask_for_short_turns();
  return MemoryMeter(std::move(proc), 0, limit_bytes);
}

Result<MemoryMeter> MemoryMeter::open_below(int first, std::uint64_t limit_bytes) {
  UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return fail(errno_error("open", "/proc"));
  ask_for_short_turns();
  return MemoryMeter(std::move(proc), first, limit_bytes);
}

// Pages are shared by those that were forked: what the cheap figure counts too much stays the same
// until there is another process. One that forks while it is summed up is counted twice.
std::uint64_t MemoryMeter::count_each_once(std::uint64_t cheap, std::uint64_t processes) {
  if (processes == known_processes_ && cheap - std::min(cheap, shared_bytes_) <= limit_bytes_)
    return cheap - std::min(cheap, shared_bytes_);
  Sum sum = sum_of(proc_.borrow(), below_, each_once);
  if (sum.bytes > limit_bytes_)
    sum.bytes = std::min(sum.bytes, sum_of(proc_.borrow(), below_, each_once).bytes);
  known_processes_ = processes;
  shared_bytes_ = cheap - std::min(cheap, sum.bytes);
  return sum.bytes;
}

// From the cheapest figure, which counts too much, to the dear one: each only where the one before
// could be over.
std::uint64_t MemoryMeter::count(std::uint64_t& processes) {
  const Sum with_files = sum_of(proc_.borrow(), below_, resident);
  processes = with_files.processes;
  if (with_files.bytes <= limit_bytes_) return with_files.bytes;
  const Sum sum = sum_of(proc_.borrow(), below_, without_files);
  if (sum.bytes <= limit_bytes_ || sum.largest > limit_bytes_) return sum.bytes;
  return count_each_once(sum.bytes, sum.processes);
}

MemoryMeter::Look MemoryMeter::look() {
  const auto began = std::chrono::steady_clock::now();
  Look look;
  look.bytes = count(look.processes);
  look.over = look.bytes > limit_bytes_;
  if (look.over) kill_all(proc_.borrow(), below_);
  const auto took =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - began);
  const std::uint64_t left = look.over ? 0 : limit_bytes_ - look.bytes;
  look.next = std::clamp(microseconds(left / kBytesPerMicrosecond), kShortest, kLongest);
  look.next = std::max(look.next, took * kRestPerLook);
  return look;
}

}  // namespace yett
