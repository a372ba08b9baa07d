#include "supervisor/daemon/own_program.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <fstream>

namespace yett {

Result<OwnProgram> OwnProgram::find() {
  std::array<char, PATH_MAX> path{};
  if (::readlink("/proc/self/exe", path.data(), path.size() - 1) < 0)
    return fail(errno_error("read", "/proc/self/exe"));
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  if (words.empty()) return fail(errno_error(EIO, "read", "/proc/self/cmdline"));
  return OwnProgram(path.data(), std::move(words));
}

Status OwnProgram::check() const {
  return ::access(path_.c_str(), X_OK) == 0 ? Status() : fail(errno_error("execute", path_));
}

Error OwnProgram::execute() const {
  std::vector<const char*> pointers;
  for (const std::string& word : words_) pointers.push_back(word.c_str());
  pointers.push_back(nullptr);
  ::execve(path_.c_str(), const_cast<char* const*>(pointers.data()), ::environ);
  return errno_error("execute", path_);
}

}  // namespace yett
