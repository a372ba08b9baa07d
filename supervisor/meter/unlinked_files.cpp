#include "supervisor/meter/unlinked_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <memory>
#include <optional>
#include <ranges>
#include <string_view>
#include <utility>

#include "supervisor/meter/process_stat.hpp"

namespace yett {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::chrono::milliseconds kBetweenMappings{10};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory open_directory(BorrowedFd process, const std::string& name) {
  const int opened = ::openat(process.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return Directory(opened < 0 ? nullptr : ::fdopendir(opened));
}

bool lay_in_one(std::string_view text, const std::vector<DiskPlace>& places) {
  return text.ends_with(kDeleted) && std::ranges::any_of(places, [text](const DiskPlace& place) {
           return text.starts_with(place.path) && text.substr(place.path.size()).starts_with('/');
         });
}

std::uint64_t number_in(std::string_view text, int base) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

struct Mapping {
  std::pair<dev_t, ino_t> file;
  std::uint64_t end = 0;  // in the file
};

// proc_pid_maps(5): "from-to rwxs offset device inode   path".
std::optional<Mapping> mapping_of(std::string_view line) {
  std::array<std::string_view, 5> fields;
  std::size_t at = 0;
  for (std::string_view& field : fields) {
    const std::size_t space = line.find(' ', at);
    if (space == std::string_view::npos) return std::nullopt;
    field = line.substr(at, space - at);
    at = space + 1;
  }
  const std::size_t dash = fields[0].find('-');
  const std::size_t colon = fields[3].find(':');
  if (dash == std::string_view::npos || colon == std::string_view::npos) return std::nullopt;
  const auto device = ::makedev(static_cast<unsigned>(number_in(fields[3].substr(0, colon), 16)),
                                static_cast<unsigned>(number_in(fields[3].substr(colon + 1), 16)));
  const std::uint64_t size =
      number_in(fields[0].substr(dash + 1), 16) - number_in(fields[0].substr(0, dash), 16);
  return Mapping{.file = {device, number_in(fields[4], 10)},
                 .end = number_in(fields[2], 16) + size};
}

std::string text_of(BorrowedFd process, const std::string& name) {
  const UniqueFd file(::openat(process.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 16384> part;
  for (ssize_t size = 0; file.valid() && (size = ::read(file.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(size));
  return text;
}

// A thread can have descriptors of its own: the way to each that may, from that to its process.
std::vector<std::string> tasks_of(BorrowedFd process) {
  constexpr nlink_t kOfOneThread = 3;
  struct stat status{};
  if (::fstatat(process.get(), "task", &status, 0) != 0 || status.st_nlink <= kOfOneThread)
    return {""};
  std::vector<std::string> tasks;
  const Directory threads = open_directory(process, "task");
  while (const dirent* entry = threads ? ::readdir(threads.get()) : nullptr)
    if (entry->d_name[0] != '.') tasks.push_back(std::string("task/") + entry->d_name + "/");
  return tasks;
}

bool is_shown(BorrowedFd process, const std::string& task) {
  std::array<char, 1> text;
  const std::string name = task + "cwd";
  return ::readlinkat(process.get(), name.c_str(), text.data(), text.size()) >= 0 ||
         (errno != EACCES && errno != EPERM);
}

// In nanoseconds; the kernel may tell no more than ticks.
std::uint64_t has_run(BorrowedFd process, const std::string& task, const ProcessStat& stat) {
  constexpr std::uint64_t kPerTick = 10'000'000;
  std::array<char, 128> text;
  const std::string name = task + "schedstat";
  const std::string_view told = read_of_process(process, name.c_str(), text);
  return told.empty() ? stat.own_ticks * kPerTick : number_in(told, 10);
}

}  // namespace

// A way too long to be told could lead anywhere: then it counts.
bool UnlinkedFiles::look_at_link(BorrowedFd directory, const char* name,
                                 const std::vector<DiskPlace>& places) {
  std::array<char, PATH_MAX> text;
  const ssize_t size = ::readlinkat(directory.get(), name, text.data(), text.size());
  if (size < 0 && errno != ENAMETOOLONG) return errno != EACCES && errno != EPERM;
  if (size >= 0 && !lay_in_one({text.data(), static_cast<std::size_t>(size)}, places)) return true;
  struct stat status{};
  if (::fstatat(directory.get(), name, &status, 0) != 0 || status.st_nlink != 0) return true;
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
    open_[{status.st_dev, status.st_ino}] = bytes_on_disk(status);
  return true;
}

// Who ends has no memory any more, and shows nothing either. A program that is just being executed
// shows nothing for some microseconds of its time, in which it does not sleep: asleep, it is asked
// once more.
bool UnlinkedFiles::hides(int pid, BorrowedFd process, const std::string& task) {
  constexpr std::uint64_t kExecutes = 10'000'000;  // nanoseconds, with what a host takes
  std::array<char, 4096> text;
  const std::string status = task + "status";
  if (read_of_process(process, status.c_str(), text).find("\nVmSize:") == std::string_view::npos)
    return false;
  const std::string name = task + "stat";
  const auto stat = parse_stat(read_of_process(process, name.c_str(), text));
  if (!stat) return false;
  if (stat->state != 'R' && stat->state != 'D') return !is_shown(process, task);
  const std::uint64_t run = has_run(process, task, *stat);
  const Task key{pid, task, stat->started};
  const auto known = hiding_.find(key);
  const std::uint64_t before = known == hiding_.end() ? run : known->second;
  hiding_now_.emplace(key, before);
  return run >= before + kExecutes;
}

void UnlinkedFiles::look_at_task(int pid, BorrowedFd process, const std::string& task,
                                 const std::vector<DiskPlace>& places) {
  const Directory descriptors = open_directory(process, task + "fd");
  bool is_told = descriptors || errno != EACCES;
  while (const dirent* entry = descriptors ? ::readdir(descriptors.get()) : nullptr)
    if (entry->d_name[0] != '.')
      is_told =
          look_at_link(BorrowedFd(::dirfd(descriptors.get())), entry->d_name, places) && is_told;
  const std::string directory = task + "cwd";
  is_told = look_at_link(process, directory.c_str(), places) && is_told;
  if (!is_told && hides(pid, process, task)) signal_process(process, SIGKILL);
}

// What of it is filled nobody tells: all that is mapped counts. A thread that has ended before the
// others shows nothing of theirs.
void UnlinkedFiles::look_at_mappings(BorrowedFd process, const std::vector<std::string>& tasks,
                                     const std::vector<DiskPlace>& places) {
  std::string text;
  for (auto task = tasks.begin(); text.empty() && task != tasks.end(); ++task)
    text = text_of(process, *task + "maps");
  for (const auto part : std::views::split(text, '\n')) {
    const std::string_view line(part);
    const std::size_t path = line.find('/');
    if (path == std::string_view::npos || !lay_in_one(line.substr(path), places)) continue;
    const auto mapping = mapping_of(line);
    if (!mapping) continue;
    std::uint64_t& known = mapped_[mapping->file];
    known = std::max(known, mapping->end);
  }
}

std::uint64_t UnlinkedFiles::bytes(const SandboxProcesses& processes,
                                   const std::vector<DiskPlace>& places, const DiskWalk& walk) {
  const bool is_due = Clock::now() >= mapped_due_;
  open_.clear();
  if (is_due) mapped_.clear();
  for (const int pid : processes.list()) {
    const UniqueFd process = processes.open_process(pid);
    if (!process.valid()) continue;
    const std::vector<std::string> tasks = tasks_of(process.borrow());
    for (const std::string& task : tasks) look_at_task(pid, process.borrow(), task, places);
    if (is_due) look_at_mappings(process.borrow(), tasks, places);
  }
  hiding_ = std::exchange(hiding_now_, {});
  if (is_due) mapped_due_ = Clock::now() + kBetweenMappings;
  Files all = open_;  // what is open is known better
  all.insert(mapped_.begin(), mapped_.end());
  std::uint64_t sum = 0;
  for (const auto& [file, size] : all)
    if (!walk.has_seen(file.first, file.second)) sum += size;
  return sum;
}

}  // namespace yett
