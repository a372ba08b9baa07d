#include "supervisor/warm/ready_desk.hpp"

#include "ioctl_uapi/receive_fds.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

int exchange(BorrowedFd socket, int said) {
  int answer = EIO;
  if (send_with_fds(socket.get(), &said, sizeof said, {}) != kDone ||
      receive_frame(socket.get(), &answer, sizeof answer) != kDone)
    return EIO;
  return answer;
}

}  // namespace

int ReadyDesk::ask(const PendingNotification& pending) {
  const auto process = read_process_id(pending);
  if (!process || *process != static_cast<int>(pending.thread_id())) return EBUSY;
  const std::scoped_lock held(one_);
  if (const int error = exchange(midwife_.borrow(), *process); error != 0) return error;
  // SECURITY(ready-number): seized by a number, which meant the caller all along if it waits still.
  return exchange(midwife_.borrow(), pending.still_valid() ? 1 : 0);
}

}  // namespace yett
