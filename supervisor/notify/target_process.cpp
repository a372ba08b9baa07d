#include "supervisor/notify/target_process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

// A file of /proc/TID, in one read; empty when it cannot be read or when the thread left, for then
// it may have been another thread's.
std::string read_proc_file(const PendingNotification& pending, const char* name) {
  if (pending.thread_id() == 0) return {};
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%u/%s", pending.thread_id(), name);
  const UniqueFd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return {};
  std::array<char, 4096> buffer;
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size <= 0 || !pending.still_valid()) return {};
  return {buffer.data(), static_cast<std::size_t>(size)};
}

// "NSpid:\t812\t3\n": the last number of the line is the innermost namespace's.
std::optional<std::int32_t> last_number(std::string_view status, std::string_view key) {
  const std::size_t start = status.find(key);
  if (start == std::string_view::npos) return std::nullopt;
  std::string_view line = status.substr(start, status.find('\n', start + 1) - start);
  const std::size_t tab = line.rfind('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  const long value = std::strtol(std::string(line.substr(tab + 1)).c_str(), nullptr, 10);
  if (value <= 0) return std::nullopt;
  return static_cast<std::int32_t>(value);
}

}  // namespace

std::string read_comm(const PendingNotification& pending) {
  std::string name = read_proc_file(pending, "comm");
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

mode_t read_umask(const PendingNotification& pending) {
  constexpr std::string_view kKey = "\nUmask:\t";
  const std::string status = read_proc_file(pending, "status");
  const std::size_t start = status.find(kKey);
  if (start == std::string::npos) return 022;
  return static_cast<mode_t>(std::strtol(status.c_str() + start + kKey.size(), nullptr, 8)) & 0777U;
}

std::optional<std::int32_t> read_process_id(const PendingNotification& pending) {
  return last_number(read_proc_file(pending, "status"), "\nTgid:");
}

std::optional<InnerIds> read_inner_ids(const PendingNotification& pending) {
  const std::string status = read_proc_file(pending, "status");
  const auto process = last_number(status, "\nNStgid:");
  const auto thread = last_number(status, "\nNSpid:");
  if (!process || !thread) return std::nullopt;
  return InnerIds{.process = *process, .thread = *thread};
}

bool is_thread(const PendingNotification& pending, std::int32_t thread, std::int32_t inner) {
  std::array<char, 48> name{};
  std::snprintf(name.data(), name.size(), "task/%d/status", thread);
  return last_number(read_proc_file(pending, name.data()), "\nNSpid:") == inner;
}

std::optional<std::int32_t> find_thread(const PendingNotification& pending, std::int32_t inner) {
  constexpr int kMostThreads = 65536;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "/proc/%u/task", pending.thread_id());
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> threads(::opendir(text.data()), close);
  for (int seen = 0; threads && seen < kMostThreads; ++seen) {
    const dirent* entry = ::readdir(threads.get());
    if (entry == nullptr) break;
    const auto thread = static_cast<std::int32_t>(std::strtol(entry->d_name, nullptr, 10));
    if (thread > 0 && is_thread(pending, thread, inner)) return thread;
  }
  return std::nullopt;
}

}  // namespace yett
