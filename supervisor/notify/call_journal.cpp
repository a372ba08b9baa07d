#include "supervisor/notify/call_journal.hpp"

#include <sys/mman.h>

#include <cstring>

namespace yett {

static_assert(std::atomic<bool>::is_always_lock_free &&
              std::atomic<std::uint32_t>::is_always_lock_free);

seccomp_notif CallJournal::Slot::notification() const {
  seccomp_notif notification{};
  std::memcpy(&notification, bytes_.data(), sizeof notification);
  return notification;
}

// What a claim interrupted by death leaves is the notification that was here before: it was
// answered, so the kernel knows its id no more.
bool CallJournal::Slot::claim() {
  if (is_used_.load(std::memory_order_relaxed) || is_used_.exchange(true)) return false;
  half_done_ = false;
  losses_ = 0;
  given_ = 0;
  giving_ = 0;
  return true;
}

Result<std::shared_ptr<CallJournal>> CallJournal::make() {
  void* memory = ::mmap(nullptr, sizeof(Slot) * kSlots, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail(errno_error("map", "the journal of calls"));
  return std::shared_ptr<CallJournal>(new CallJournal(static_cast<Slot*>(memory)));
}

// The one that was free last is free again, as a rule.
CallJournal::Slot* CallJournal::claim() {
  const std::size_t first = next_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < kSlots; ++i) {
    const std::size_t at = (first + i) % kSlots;
    if (!slots_[at].claim()) continue;
    if (i != 0) next_.store(at, std::memory_order_relaxed);
    return &slots_[at];
  }
  return nullptr;
}

void CallJournal::take_over() {
  const std::scoped_lock held(lock_);
  left_.clear();
  for (Slot& slot : std::span(slots_, kSlots)) {
    if (!slot.is_used_) continue;
    if (slot.notification().id == 0) {
      slot.release();  // nothing had come yet
      continue;
    }
    ++slot.losses_;
    left_.push_back(&slot);
  }
  left_count_ = left_.size();
}

CallJournal::Slot* CallJournal::next_left() {
  if (!has_left()) return nullptr;
  const std::scoped_lock held(lock_);
  if (left_.empty()) return nullptr;
  Slot* slot = left_.back();
  left_.pop_back();
  left_count_ = left_.size();
  return slot;
}

}  // namespace yett
