#include "supervisor/meter/process_stat.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <ranges>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

// Fields behind the name, which may hold anything: "1 (a) b) S 1 ...".
constexpr int kState = 0;
constexpr int kParent = 1;
constexpr int kUser = 11;  // and in the kernel, and both of its children
constexpr int kThreads = 17;
constexpr int kStarted = 19;

std::optional<ProcessStat> read_stat(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text;
  const ssize_t size = file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size <= 0) return std::nullopt;
  return parse_stat({text.data(), static_cast<std::size_t>(size)});
}

}  // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  ProcessStat stat;
  int index = 0;
  for (const auto part : std::views::split(text.substr(name_end + 1), ' ')) {
    const std::string_view word(part);
    if (word.empty()) continue;
    std::uint64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    if (index == kState) stat.state = word.front();
    if (index == kParent) stat.parent = static_cast<int>(number);
    if (index >= kUser && index < kUser + 2) stat.own_ticks += number;
    if (index >= kUser && index < kUser + 4) stat.ticks += number;
    if (index == kThreads) stat.threads = number;
    if (index == kStarted) {
      stat.started = number;
      return stat;
    }
    ++index;
  }
  return std::nullopt;
}

std::optional<ProcessStat> stat_of_process(int process) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/stat", process);
  return read_stat(path.data());
}

std::optional<ProcessStat> stat_of_thread(int thread) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/stat", thread, thread);
  return read_stat(path.data());
}

}  // namespace yett
