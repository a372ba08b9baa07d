#include "supervisor/daemon/poller.hpp"

#include <sys/epoll.h>

#include <array>

namespace yett {

Result<Poller> Poller::make() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return fail(errno_error("epoll_create1"));
  return Poller(std::move(epoll));
}

Result<Poller::Key> Poller::watch(BorrowedFd fd, std::uint32_t events, OnReady on_ready) {
  const Key key = ++last_;
  epoll_event wanted{.events = events, .data = {.u64 = key}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &wanted) != 0)
    return fail(errno_error("epoll_ctl"));
  watched_[key] = {.fd = fd.get(), .events = events, .on_ready = std::move(on_ready)};
  return key;
}

void Poller::change(Key key, std::uint32_t events) {
  const auto found = watched_.find(key);
  if (found == watched_.end() || found->second.events == events) return;
  found->second.events = events;
  epoll_event wanted{.events = events, .data = {.u64 = key}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second.fd, &wanted);
}

void Poller::forget(Key key) {
  const auto found = watched_.find(key);
  if (found == watched_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  watched_.erase(found);
}

void Poller::wait(int timeout_ms) {
  std::array<epoll_event, 64> ready{};
  const int count = ::epoll_wait(epoll_.get(), ready.data(), ready.size(), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& each = ready[static_cast<std::size_t>(i)];
    const Key key = each.data.u64;  // by value: the kernel's struct is packed
    const auto found = watched_.find(key);
    if (found == watched_.end()) continue;  // forgotten by one before it
    const OnReady on_ready = found->second.on_ready;
    on_ready(each.events);
  }
}

}  // namespace yett
