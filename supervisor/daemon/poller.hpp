// The one loop of yettd: descriptors, and what is called when something can be done with them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

class Poller {
 public:
  using OnReady = std::function<void(std::uint32_t events)>;
  using Key = std::uint64_t;

  [[nodiscard]] static Result<Poller> make();
  // `fd` stays the caller's, who forgets it before it is closed. `events`: EPOLL*.
  [[nodiscard]] Result<Key> watch(BorrowedFd fd, std::uint32_t events, OnReady on_ready);
  void change(Key key, std::uint32_t events);
  // Nothing more of it is called, not even of what is ready already.
  void forget(Key key);
  // One round; -1: however long it takes.
  void wait(int timeout_ms);

 private:
  struct Watched {
    int fd = -1;
    std::uint32_t events = 0;
    OnReady on_ready;
  };
  explicit Poller(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  UniqueFd epoll_;
  Key last_ = 0;
  std::map<Key, Watched> watched_;
};

}  // namespace yett
