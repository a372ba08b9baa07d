#include "supervisor/lsm/canary.hpp"

#include <sched.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "supervisor/lsm/canary_child.hpp"

namespace yett {
namespace {

constexpr unsigned kCanaryGeneration = 1;

const char* answer_text(int status) {
  if (!WIFEXITED(status)) return "its child was killed";
  switch (static_cast<CanaryAnswer>(WEXITSTATUS(status))) {
    case CanaryAnswer::not_refused:
      return "a labelled task was not refused: programs load here but do not enforce";
    case CanaryAnswer::no_label:
      return "its child could not be labelled";
    case CanaryAnswer::still_open:
      return "bpf(2) is refused to us before any label";
    default:
      return "its child gave no answer";
  }
}

}  // namespace

Status run_canary(BorrowedFd labels) {
  CanaryOrder order{.labels = labels.get(), .generation = kCanaryGeneration};
  alignas(16) std::array<std::byte, 16384> stack;
  // Shares memory and suspends us: no page tables to copy. No exit signal: nobody else's business.
  const int child =
      ::clone(canary_child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK, &order);
  if (child < 0) return fail(errno_error("start the BPF LSM canary"));
  int status = 0;
  while (::waitpid(child, &status, __WALL) < 0)
    if (errno != EINTR) return fail(errno_error("wait for the BPF LSM canary"));
  if (status == 0) return {};
  return fail(host_error("BPF LSM canary", answer_text(status),
                         "add bpf to the kernel's lsm= list, or run without --require=bpf-lsm"));
}

}  // namespace yett
