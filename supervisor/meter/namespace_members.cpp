#include "supervisor/meter/namespace_members.hpp"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <memory>

#include "base/text.hpp"

namespace yett {
namespace {

// Empty: it has ended.
std::string pid_namespace(const std::string& process) {
  std::array<char, 64> link{};
  const ssize_t size =
      ::readlink(("/proc/" + process + "/ns/pid").c_str(), link.data(), link.size());
  return {link.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

}  // namespace

std::vector<std::string> names_in(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  std::vector<std::string> names;
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

std::vector<int> members_of_pid_namespace(int pid) {
  std::vector<int> members;
  const std::string wanted = pid_namespace(std::to_string(pid));
  if (wanted.empty()) return members;
  for (const std::string& name : names_in("/proc")) {
    const auto number = parse_decimal(name, INT_MAX);
    if (number && pid_namespace(name) == wanted) members.push_back(static_cast<int>(*number));
  }
  return members;
}

}  // namespace yett
