#include "supervisor/loop/call_budget.hpp"

#include "ioctl_uapi/include/yett/uapi.h"

namespace yett {
namespace {

bool is_costly(const Snapshot& snapshot, Emulation emulation) {
  switch (emulation) {
    case Emulation::mknod:
    case Emulation::mknodat:
    case Emulation::mount:
    case Emulation::setxattr:
      return true;
    case Emulation::control:
      return static_cast<std::uint32_t>(snapshot.arguments[1]) == YETT_CREATE;
    default:
      return false;
  }
}

}  // namespace

CallBudget::Clock::time_point CallBudget::take(Clock::time_point now) {
  const std::scoped_lock held(lock_);
  return bucket_.take(now);
}

void CallBudget::wait_for(const Snapshot& snapshot, Emulation emulation) {
  if (!is_costly(snapshot, emulation)) return;
  const auto now = Clock::now();
  if (const auto from = take(now); from > now) sleep_until(from);
}

}  // namespace yett
