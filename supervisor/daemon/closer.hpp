// Closes what clients have given, in threads of its own. The last close of a file may wait for
// whoever serves it (a FUSE file system, a socket that lingers) as long as that one likes; nobody
// else shall wait with it. SECURITY(slow-close)
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>

#include "base/unique_fd.hpp"

namespace yett {

class Closer {
 public:
  // Stuck ones at a time; beyond them descriptors wait, and count toward the process's limit.
  static constexpr int kMostThreads = 16;

  // Takes them all. Invalid ones are no matter.
  void close(UniqueFd descriptor) const { close(std::span(&descriptor, 1)); }
  void close(std::span<UniqueFd> descriptors) const;

 private:
  // Threads that are stuck keep it when the rest has ended.
  struct State {
    std::mutex lock;
    std::condition_variable more;
    std::deque<UniqueFd> waiting;
    int threads = 0;
    std::size_t idle = 0;
  };
  // False: no thread can be had, and those that there are come to it.
  static bool begin_work(const std::shared_ptr<State>& state);
  static void work(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace yett
