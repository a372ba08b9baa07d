// The socket at which metrics are read: any request of HTTP's is answered with all of them.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "supervisor/daemon/poller.hpp"

namespace yett {

class MetricsServer {
 public:
  static constexpr std::size_t kMostConnections = 8;
  static constexpr std::size_t kLongestRequest = 8192;

  // `socket` listens (SOCK_STREAM); `text` is called for each request.
  MetricsServer(Poller& poller, UniqueFd socket, std::function<std::string()> text);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();

 private:
  struct Reader {
    UniqueFd socket;
    std::size_t taken = 0;
    std::string tail;  // the request's last four bytes
  };
  void take_connection();
  void on_request(Poller::Key key);
  void end(Poller::Key key);

  Poller& poller_;
  UniqueFd socket_;
  std::function<std::string()> text_;
  Poller::Key listening_ = 0;
  std::map<Poller::Key, Reader> readers_;  // the oldest first
};

}  // namespace yett
