#include "supervisor/meter/memory_meter.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace yett {
namespace {

using std::chrono::microseconds;

// What two processors fault in at most, and the bounds between which looks follow one another.
constexpr std::uint64_t kBytesPerMicrosecond = 8000;
constexpr microseconds kShortest{1000};
constexpr microseconds kLongest{100'000};
// A fifth of one processor at most.
constexpr int kRestPerLook = 4;

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
Held resident(const SandboxProcesses& processes, int pid) {
  std::array<char, 2048> buffer;
  const std::string_view text = processes.read(pid, "statm", buffer);
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t space = text.find(' ');
  return {.all = space == std::string_view::npos ? 0 : number_after(text, space) * page};
}

// Without files: a page that two processes share counts for both.
Held without_files(const SandboxProcesses& processes, int pid) {
  std::array<char, 2048> buffer;
  const std::string_view text = processes.read(pid, "status", buffer);
  const std::uint64_t anonymous = kibibytes_of(text, "\nRssAnon:");
  return {.anonymous = anonymous,
          .all = anonymous + kibibytes_of(text, "\nRssShmem:") + kibibytes_of(text, "\nVmSwap:")};
}

// Each page once, in 30 us for a megabyte. Who hides its memory (prctl PR_SET_DUMPABLE) is counted
// as if it shared none.
Held each_once(const SandboxProcesses& processes, int pid) {
  std::array<char, 2048> buffer;
  const std::string_view text = processes.read(pid, "smaps_rollup", buffer);
  if (text.empty()) return without_files(processes, pid);
  return {.all = kibibytes_of(text, "\nPss_Anon:") + kibibytes_of(text, "\nPss_Shmem:") +
                 kibibytes_of(text, "\nSwapPss:")};
}

struct Sum {
  std::uint64_t bytes = 0;
  std::uint64_t largest = 0;  // that one of them holds for itself, whatever it shares
  std::uint64_t processes = 0;
};

Sum sum_of(const SandboxProcesses& processes, Held (*held_by)(const SandboxProcesses&, int)) {
  Sum sum;
  for (const int pid : processes.list()) {
    const Held held = held_by(processes, pid);
    sum.bytes += held.all;
    sum.largest = std::max(sum.largest, held.anonymous);
    ++sum.processes;
  }
  return sum;
}

}  // namespace

MemoryMeter::MemoryMeter(SandboxProcesses processes, std::uint64_t limit_bytes)
    : processes_(std::move(processes)), limit_bytes_(limit_bytes) {}

// Pages are shared by those that were forked: what the cheap figure counts too much stays the same
// until there is another process. One that forks while it is summed up is counted twice.
std::uint64_t MemoryMeter::count_each_once(std::uint64_t cheap, std::uint64_t processes) {
  if (processes == known_processes_ && cheap - std::min(cheap, shared_bytes_) <= limit_bytes_)
    return cheap - std::min(cheap, shared_bytes_);
  Sum sum = sum_of(processes_, each_once);
  if (sum.bytes > limit_bytes_)
    sum.bytes = std::min(sum.bytes, sum_of(processes_, each_once).bytes);
  known_processes_ = processes;
  shared_bytes_ = cheap - std::min(cheap, sum.bytes);
  return sum.bytes;
}

// From the cheapest figure, which counts too much, to the dear one: each only where the one before
// could be over.
std::uint64_t MemoryMeter::count(std::uint64_t& processes) {
  const Sum with_files = sum_of(processes_, resident);
  processes = with_files.processes;
  if (with_files.bytes <= limit_bytes_) return with_files.bytes;
  const Sum sum = sum_of(processes_, without_files);
  if (sum.bytes <= limit_bytes_ || sum.largest > limit_bytes_) return sum.bytes;
  return count_each_once(sum.bytes, sum.processes);
}

MemoryMeter::Look MemoryMeter::look() {
  const auto began = std::chrono::steady_clock::now();
  Look look;
  look.bytes = count(look.processes);
  look.over = look.bytes > limit_bytes_;
  if (look.over) kill_all(processes_);
  const auto took =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - began);
  const std::uint64_t left = look.over ? 0 : limit_bytes_ - look.bytes;
  look.next = std::clamp(microseconds(left / kBytesPerMicrosecond), kShortest, kLongest);
  look.next = std::max(look.next, took * kRestPerLook);
  return look;
}

}  // namespace yett
