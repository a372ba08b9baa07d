#include "sandbox/host/attempt.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace yett {
namespace {

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Attempt attempt_in_child(Attempt (*attempt)()) {
  // A shared page carries the answer: `step` points into this program's text, which the child has
  // at the same address.
  void* page =
      ::mmap(nullptr, sizeof(Attempt), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return {errno, "mmap"};
  auto* answer = new (page) Attempt{EFAULT, "the probing child"};
  const pid_t child = ::fork();
  if (child == 0) {
    *answer = attempt();
    ::_exit(0);
  }
  Attempt result = child < 0 ? Attempt{errno, "fork"} : Attempt{};
  if (child > 0) {
    wait_for(child);
    result = *answer;
  }
  ::munmap(page, sizeof(Attempt));
  return result;
}

Attempt attempted(int negative_errno_or_result, const char* step) {
  return negative_errno_or_result < 0 ? Attempt{-negative_errno_or_result, step} : Attempt{};
}

Feature feature_of(const Attempt& attempt) {
  if (attempt.error == 0) return {.usable = true, .detail = {}};
  return {.usable = false,
          .detail = std::string(attempt.step) + ": " + std::strerror(attempt.error)};
}

}  // namespace yett
