#include "supervisor/session/launch_status.hpp"

#include <unistd.h>

#include <cerrno>

namespace yett {

int exit_status_of(const LaunchFailure& failure) {
  if (failure.step != ChildStep::exec) return kLaunchFailureStatus;
  return failure.error.sys_errno == ENOENT ? 127 : 126;
}

void add_exec_hint(Error& error, const std::string& host_directory, const SandboxPlan& plan) {
  const std::string& name = plan.process.argv.front();
  error.operation = "exec";
  std::string on_host = name;
  if (!name.starts_with('/')) on_host = host_directory + "/" + name;
  if (error.sys_errno == ENOENT && ::access(on_host.c_str(), F_OK) == 0) {
    error.mend = on_host + " is on the host but not inside: add --here, or -v " + on_host + ":" +
                 on_host + ":ro";
  } else if (error.sys_errno == ENOENT) {
    error.detail = "not found in the sandbox's PATH";
    error.sys_errno = 0;
  }
}

}  // namespace yett
