// What sandboxes of yettd's are while they run, and whether it is gone when they have ended.
#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace yett::test {

// A zombie does not: it is for whoever adopts orphans.
inline bool lives(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t state = text.rfind(") ");
  return state != std::string::npos && text[state + 2] != 'Z' && text[state + 2] != 'X';
}

// Of all hierarchies.
inline void add_cgroups(int pid, std::set<std::string>& into) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t path = line.find("/yett/");
    if (path == std::string::npos) continue;
    const std::size_t name = line.find(':') + 1;
    const std::string of = line.substr(name, line.find(':', name) - name);
    for (const std::string& mount : {std::string(), std::string("/unified"), "/" + of})
      if (std::filesystem::exists("/sys/fs/cgroup" + mount + line.substr(path)))
        into.insert("/sys/fs/cgroup" + mount + line.substr(path));
  }
}

}  // namespace yett::test
