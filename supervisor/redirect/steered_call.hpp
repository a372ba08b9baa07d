// Calls that change the thread that makes them (execve, chdir), where the name that it gave is to
// lead elsewhere: nobody makes such a call for another, so the thread is stopped, makes it once
// more by the name where the file is, and stands behind the one it made. No decision rests on
// memory: what the thread is led to it could have named itself, and Landlock decides on it.
// docs/decisions/0058-redirected-exec.md. Source: ptrace(2).
#pragma once

#include <string>
#include <vector>

#include "supervisor/notify/pending_notification.hpp"

namespace yett {

struct SteeredCall {
  enum class Act { execute, enter };
  Act act = Act::execute;
  std::string name;
  std::vector<std::string> words;  // in the place of argv[0]; none: argv stays as it is
};

// `pending`: of execve, execveat or chdir. Waits for the thread, and so for its memory. Where the
// thread cannot be stopped, the call is answered with an error that says so. Precondition: the
// calling thread has no child.
void steer(PendingNotification& pending, const SteeredCall& call);

}  // namespace yett
