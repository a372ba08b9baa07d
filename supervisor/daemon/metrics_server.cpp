#include "supervisor/daemon/metrics_server.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

namespace yett {

MetricsServer::MetricsServer(Poller& poller, UniqueFd socket, std::function<std::string()> text)
    : poller_(poller), socket_(std::move(socket)), text_(std::move(text)) {
  const auto key =
      poller_.watch(socket_.borrow(), EPOLLIN, [this](std::uint32_t) { take_connection(); });
  if (key) listening_ = *key;
}

MetricsServer::~MetricsServer() {
  poller_.forget(listening_);
  for (const auto& [key, reader] : readers_) poller_.forget(key);
}

// Who says nothing gives way to who comes.
void MetricsServer::take_connection() {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) return;
  if (readers_.size() >= kMostConnections) end(readers_.begin()->first);
  const auto own = std::make_shared<Poller::Key>(0);
  const auto key =
      poller_.watch(connection.borrow(), EPOLLIN, [this, own](std::uint32_t) { on_request(*own); });
  if (!key) return;
  *own = *key;
  readers_.emplace(*key, Reader{.socket = std::move(connection), .taken = 0, .tail = {}});
}

void MetricsServer::on_request(Poller::Key key) {
  const auto found = readers_.find(key);
  if (found == readers_.end()) return;
  Reader& reader = found->second;
  std::array<char, 4096> bytes{};
  const ssize_t got = ::recv(reader.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return end(key);
  reader.taken += static_cast<std::size_t>(got);
  reader.tail.append(bytes.data(), static_cast<std::size_t>(got));
  const bool whole = reader.tail.find("\r\n\r\n") != std::string::npos ||
                     reader.tail.find("\n\n") != std::string::npos;
  if (!whole && reader.taken < kLongestRequest) {
    if (reader.tail.size() > 4) reader.tail.erase(0, reader.tail.size() - 4);
    return;
  }
  const std::string text = text_();
  const std::string answer = fmt::format(
      "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      text.size(), text);
  // As much as the socket takes at once, which is all but for thousands of templates.
  static_cast<void>(
      ::send(reader.socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  end(key);
}

void MetricsServer::end(Poller::Key key) {
  poller_.forget(key);
  readers_.erase(key);
}

}  // namespace yett
