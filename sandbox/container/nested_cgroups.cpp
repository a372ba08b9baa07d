#include "sandbox/container/nested_cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

UniqueFd open_below(int parent, const char* name) {
  return UniqueFd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::vector<std::string> first_children(int directory, std::size_t most) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(copy < 0 ? nullptr : ::fdopendir(copy),
                                                    ::closedir);
  std::vector<std::string> names;
  while (const dirent* entry =
             entries && names.size() < most ? ::readdir(entries.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// Empty: there is none.
std::string first_child(int directory) {
  const std::vector<std::string> names = first_children(directory, 1);
  return names.empty() ? "" : names.front();
}

bool hold_processes(const UniqueFd& directory) {
  if (!directory.valid()) return errno != ENOENT;
  const UniqueFd file(::openat(directory.get(), "cgroup.procs", O_RDONLY | O_CLOEXEC));
  char byte = 0;
  if (!file.valid() || ::read(file.get(), &byte, 1) != 0) return true;
  return std::ranges::any_of(first_children(directory.get(), SIZE_MAX),
                             [&](const std::string& child) {
                               return hold_processes(open_below(directory.get(), child.c_str()));
                             });
}

void kill_members(int directory) {
  const UniqueFd file(::openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  std::string_view rest(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!rest.empty()) {
    int pid = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), pid);
    if (pid > 0) ::kill(pid, SIGKILL);
    const std::size_t end = rest.find('\n');
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
}

// What is gone, or has threads alone (whose processes are listed above), has no member.
bool has_none(int error) { return error == ENOENT || error == ENODEV || error == EOPNOTSUPP; }

Status add_members(int directory, std::vector<int>& processes) {
  const UniqueFd file(::openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 16384> piece;
  for (ssize_t got = 1; got > 0;) {
    got = file.valid() ? ::read(file.get(), piece.data(), piece.size()) : -1;
    if (got < 0 && has_none(errno)) return {};
    if (got < 0) return fail(errno_error("read", "cgroup.procs"));
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    int process = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), process);
    processes.push_back(process);
    const std::size_t end = rest.find('\n');
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  return {};
}

// Every cgroup below, by one descriptor however deep they lie.
class Walk {
 public:
  explicit Walk(UniqueFd top) : here_(std::move(top)) {}

  [[nodiscard]] Status add_all(std::vector<int>& processes) {
    YETT_CHECK(add_here(processes));
    while (!to_see_.empty()) {
      if (to_see_.back().empty()) {
        YETT_CHECK(go_up());
        continue;
      }
      const std::string child = std::move(to_see_.back().back());
      to_see_.back().pop_back();
      UniqueFd below = open_below(here_.get(), child.c_str());
      if (!below.valid() && errno == ENOENT) continue;
      if (!below.valid()) return fail(errno_error("look into cgroup", child));
      here_ = std::move(below);
      YETT_CHECK(add_here(processes));
    }
    return {};
  }

 private:
  Status add_here(std::vector<int>& processes) {
    to_see_.push_back(first_children(here_.get(), SIZE_MAX));
    return add_members(here_.get(), processes);
  }
  Status go_up() {
    to_see_.pop_back();
    if (to_see_.empty()) return {};
    here_ = open_below(here_.get(), "..");
    return here_.valid() ? Status{} : fail(errno_error("look into cgroup", ".."));
  }

  UniqueFd here_;
  std::vector<std::vector<std::string>> to_see_;  // of each level
};

// Paths may be longer than the kernel takes: each step is by descriptor, down and up again.
class Descent {
 public:
  explicit Descent(UniqueFd top) : here_(std::move(top)) {}

  // False: nothing is left below the top.
  bool step() {
    const std::string child = first_child(here_.get());
    if (child.empty()) return go_up();
    if (::unlinkat(here_.get(), child.c_str(), AT_REMOVEDIR) == 0) return true;
    UniqueFd below = open_below(here_.get(), child.c_str());
    if (!below.valid()) return true;
    if (first_child(below.get()).empty()) {
      kill_members(below.get());
      constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 2'000'000};
      ::nanosleep(&kPause, nullptr);
      return true;
    }
    here_ = std::move(below);
    ++depth_;
    return true;
  }

 private:
  bool go_up() {
    if (depth_ == 0) return false;
    --depth_;
    here_ = open_below(here_.get(), "..");
    return here_.valid();
  }

  UniqueFd here_;
  std::size_t depth_ = 0;
};

}  // namespace

Result<std::vector<int>> nested_processes(const std::string& directory) {
  std::vector<int> processes;
  UniqueFd top = open_below(AT_FDCWD, directory.c_str());
  if (!top.valid() && has_none(errno)) return processes;
  if (!top.valid()) return fail(errno_error("look into cgroup", directory));
  Walk walk(std::move(top));
  YETT_CHECK(walk.add_all(processes));
  std::ranges::sort(processes);
  processes.erase(std::ranges::unique(processes).begin(), processes.end());
  return processes;
}

bool nested_hold_processes(const std::string& directory) {
  return hold_processes(open_below(AT_FDCWD, directory.c_str()));
}

Status remove_nested_cgroups(const std::string& directory) {
  UniqueFd top = open_below(AT_FDCWD, directory.c_str());
  if (!top.valid()) return errno == ENOENT ? Status{} : fail(errno_error("open cgroup", directory));
  const auto until = Clock::now() + std::chrono::seconds(5);
  Descent descent(std::move(top));
  while (descent.step())
    if (Clock::now() > until) return fail(errno_error(EBUSY, "remove cgroups below", directory));
  return {};
}

}  // namespace yett
