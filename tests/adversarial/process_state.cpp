#include "tests/adversarial/process_state.hpp"

#include <fstream>
#include <sstream>

namespace yett::test {
namespace {

std::string file_of(pid_t task, const char* name) {
  std::ifstream file("/proc/" + std::to_string(task) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::string status_field(pid_t task, const std::string& name) {
  std::istringstream status(file_of(task, "status"));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  return {};
}

std::string describe_process(pid_t process) {
  std::string text = "process " + std::to_string(process) + ":";
  for (const char* field : {"Name", "State", "Tgid", "PPid", "NSpid", "Uid", "TracerPid", "SigPnd",
                            "ShdPnd", "SigBlk", "Threads"})
    text += std::string(" ") + field + "=" + status_field(process, field);
  text += "\n  system call " + file_of(process, "syscall");
  text += "  cgroups " + file_of(process, "cgroup");
  return text + "  kernel stack\n" + file_of(process, "stack");
}

}  // namespace yett::test
