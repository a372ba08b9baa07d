// A descriptor lent to Asio: Asio makes it non-blocking and must not close it; both are undone when
// this goes.
#pragma once

#include <fcntl.h>

#include <utility>

#include "base/unique_fd.hpp"
#include "supervisor/loop/asio.hpp"

namespace yett {

class WatchedFd {
 public:
  using Stream = boost::asio::posix::stream_descriptor;

  WatchedFd(boost::asio::io_context& io, BorrowedFd fd)
      : fd_(fd), flags_(::fcntl(fd.get(), F_GETFL)), stream_(io) {
    stream_.assign(fd.get(), error_);
  }
  WatchedFd(const WatchedFd&) = delete;
  WatchedFd& operator=(const WatchedFd&) = delete;
  ~WatchedFd() {
    if (stream_.is_open()) static_cast<void>(stream_.release());
    if (flags_ >= 0) ::fcntl(fd_.get(), F_SETFL, flags_);
  }

  [[nodiscard]] bool watching() const { return stream_.is_open(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // No more waits; one under way is cancelled.
  void forget() {
    if (stream_.is_open()) static_cast<void>(stream_.release());
  }

  // Calls `ready()` once when the descriptor is readable (or writable), hung up or in error. Files
  // that epoll cannot watch, such as regular ones, count as ready at once.
  template <typename Handler>
  void wait_readable(Handler ready) {
    wait(Stream::wait_read, std::move(ready));
  }
  template <typename Handler>
  void wait_writable(Handler ready) {
    wait(Stream::wait_write, std::move(ready));
  }

 private:
  template <typename Handler>
  void wait(Stream::wait_type what, Handler ready) {
    stream_.async_wait(what, [ready = std::move(ready)](boost::system::error_code error) mutable {
      if (error != boost::asio::error::operation_aborted) ready();
    });
  }

  BorrowedFd fd_;
  int flags_;
  boost::system::error_code error_;
  Stream stream_;
};

}  // namespace yett
