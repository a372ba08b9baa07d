#include "supervisor/meter/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>
#include <string>

#include "base/unique_fd.hpp"
#include "supervisor/meter/process_stat.hpp"

namespace yett {
namespace {

std::string read_proc(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t size = 0; file.valid() && (size = ::read(file.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(size));
  return text;
}

void add_children(const std::string& list, std::vector<int>& found) {
  const char* end = list.data() + list.size();
  for (const char* at = list.data(); at < end; ++at) {
    int pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec != std::errc()) return;
    found.push_back(pid);
    at = parsed.ptr;
  }
}

// A thread's own children; each thread has some.
void add_children_of(int process, std::vector<int>& found) {
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> threads(::opendir(tasks.c_str()), close);
  while (const dirent* entry = threads ? ::readdir(threads.get()) : nullptr)
    if (entry->d_name[0] != '.')
      add_children(read_proc(tasks + "/" + entry->d_name + "/children"), found);
}

}  // namespace

std::vector<int> children_of(int process) {
  std::vector<int> found;
  add_children_of(process, found);
  return found;
}

std::vector<int> processes_below(int first) {
  std::vector<int> found = children_of(first);
  for (std::size_t i = 0; i < found.size(); ++i) add_children_of(found[i], found);
  return found;
}

std::uint64_t count_threads(int process) {
  const auto stat = stat_of_process(process);
  return stat ? stat->threads : 0;
}

}  // namespace yett
