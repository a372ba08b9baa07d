// A tree of files as text: a test compares two of them.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace yett::test {

// A line for each name below `root`: its kind and mode, times of change, and what is in it.
inline std::string tree_of(const std::string& root) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) != 0) continue;
    std::stringstream line;
    line << entry.path().string() << ' ' << std::oct << status.st_mode << ' ' << std::dec
         << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << ' ';
    if (S_ISREG(status.st_mode)) line << std::ifstream(entry.path()).rdbuf();
    if (S_ISLNK(status.st_mode)) line << std::filesystem::read_symlink(entry.path()).string();
    lines.push_back(line.str());
  }
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace yett::test
