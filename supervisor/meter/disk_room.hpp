// What a sandbox may still put on its disk, as last looked at: for whoever writes there on its
// behalf.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace yett {

class DiskRoom {
 public:
  // After each look.
  void set(std::uint64_t bytes) {
    const std::scoped_lock held(lock_);
    left_ = bytes;
    ++looks_;
    looked_.notify_all();
  }
  // Takes it, if there is as much: of a good part of the rest, after a look that has begun since.
  // Of several threads, but the one that looks.
  [[nodiscard]] bool take(std::uint64_t bytes) {
    constexpr std::uint64_t kGoodPart = 4;
    constexpr std::uint64_t kLooks = 2;  // one may be under way
    std::unique_lock held(lock_);
    const std::uint64_t wanted = looks_ + kLooks;
    if (bytes > left_ / kGoodPart &&
        !looked_.wait_for(held, std::chrono::seconds(1), [&] { return looks_ >= wanted; }))
      return false;
    if (left_ < bytes) return false;
    left_ -= bytes;
    return true;
  }

 private:
  std::mutex lock_;
  std::condition_variable looked_;
  std::uint64_t left_ = 0;
  std::uint64_t looks_ = 0;
};

}  // namespace yett
