// What the tests that trace a process need beside ptrace(2) itself.
#pragma once

#include <sys/types.h>

#include <string>

namespace yett::test {

// A field of /proc/PID/status, without its name. Empty: no such process or field.
[[nodiscard]] std::string status_field(pid_t task, const std::string& name);
// Name, state, tracer, system call and kernel stack, on a few lines.
[[nodiscard]] std::string describe_process(pid_t process);

// kill -9 of a child of ours whose threads we trace: it has ended only when we have reaped them.
// The process itself is left for its owner to reap.
void kill_with_traced_threads(pid_t process);

}  // namespace yett::test
