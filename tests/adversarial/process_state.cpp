#include "tests/adversarial/process_state.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
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

void reap_threads(pid_t process) {
  std::error_code gone;
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& entry : std::filesystem::directory_iterator(tasks, gone)) {
    const pid_t thread = std::stoi(entry.path().filename());
    int status = 0;
    if (thread != process && ::waitpid(thread, &status, __WALL | WNOHANG) > 0)
      ::ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
  }
}

}  // namespace

void kill_with_traced_threads(pid_t process) {
  ::kill(process, SIGKILL);
  siginfo_t info{};
  const auto id = static_cast<id_t>(process);
  while (::waitid(P_PID, id, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == 0) {
    reap_threads(process);
    ::usleep(50);
  }
}

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
