// The calls that were received and not answered yet, in memory that a supervisor shares with its
// successor. The kernel writes each notification straight into a slot of it, so none is received
// that is not in the journal, whatever instruction SIGKILL comes at; the slot is free again when
// the answer was sent. Reasons: docs/decisions/0030-adoption.md.
#pragma once

#include <linux/seccomp.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace yett {

class CallJournal {
 public:
  // More than are ever under way: the threads that may be stuck, and the questions that may be
  // open.
  static constexpr std::size_t kSlots = 64;
  // A later kernel may append fields to struct seccomp_notif, and insists that all are zero before.
  static constexpr std::size_t kLargestNotification = 448;

  // All zero: free.
  class Slot {
   public:
    // For the kernel to write to.
    [[nodiscard]] std::span<std::byte> bytes() { return bytes_; }
    [[nodiscard]] seccomp_notif notification() const;
    // How many supervisors have died over it.
    [[nodiscard]] std::uint32_t losses() const { return losses_; }
    // From here on something may have been done that a second time would not be the same.
    void note_half_done() { half_done_ = true; }
    [[nodiscard]] bool is_half_done() const { return half_done_; }
    // The target is about to be given this socket, which nobody else has; 0: none.
    void note_giving(std::uint64_t socket_inode) { giving_ = socket_inode; }
    [[nodiscard]] std::uint64_t giving() const { return giving_; }
    // The target was given a descriptor at `number`, which is yet to be told.
    void note_given(int number) { given_ = number + 1; }
    // -1: it was given none.
    [[nodiscard]] int given() const { return given_ - 1; }
    void release() { is_used_ = false; }

   private:
    friend class CallJournal;
    [[nodiscard]] bool claim();
    std::atomic<bool> is_used_;
    std::atomic<bool> half_done_;
    std::atomic<std::uint32_t> losses_;
    std::atomic<std::int32_t> given_;
    std::atomic<std::uint64_t> giving_;
    alignas(seccomp_notif) std::array<std::byte, kLargestNotification> bytes_;
  };

  // Before the processes part. The memory is never given back: a thread that is left behind in a
  // call may hold a slot for as long as the process lives.
  [[nodiscard]] static Result<std::shared_ptr<CallJournal>> make();

  // Null: all are in use.
  [[nodiscard]] Slot* claim();
  // In the successor, once the other one is dead: what stands in the slots is left for it.
  void take_over();
  [[nodiscard]] std::size_t left() const { return left_count_; }
  [[nodiscard]] bool has_left() const { return left_count_ != 0; }
  // One that was left, which is the caller's now. Null: there is none.
  [[nodiscard]] Slot* next_left();

 private:
  explicit CallJournal(Slot* slots) : slots_(slots) {}
  Slot* slots_;  // mapped, and the same memory in both processes
  std::atomic<std::size_t> next_{0};
  std::mutex lock_;  // of what follows
  std::vector<Slot*> left_;
  std::atomic<std::size_t> left_count_{0};
};

}  // namespace yett
