// What a process is doing, from /proc: for the message of a test that waited for it in vain.
#pragma once

#include <sys/types.h>

#include <string>

namespace yett::test {

// A field of /proc/PID/status, without its name. Empty: no such process or field.
[[nodiscard]] std::string status_field(pid_t task, const std::string& name);
// Name, state, tracer, system call and kernel stack, on a few lines.
[[nodiscard]] std::string describe_process(pid_t process);

}  // namespace yett::test
