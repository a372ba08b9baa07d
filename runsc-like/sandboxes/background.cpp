#include "runsc-like/sandboxes/background.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace yett {

void BackgroundLine::tell(BackgroundEvent event, int exit_status) const {
  const BackgroundNews news{.event = event, .exit_status = exit_status};
  static_cast<void>(::send(socket_.get(), &news, sizeof news, MSG_NOSIGNAL | MSG_DONTWAIT));
}

std::optional<BackgroundNews> BackgroundLine::listen() const {
  BackgroundNews news;
  ssize_t got = 0;
  do {
    got = ::recv(socket_.get(), &news, sizeof news, 0);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof news) return std::nullopt;
  return news;
}

Result<Background> fork_to_background() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(errno_error("socketpair"));
  UniqueFd front(ends[0]);
  UniqueFd back(ends[1]);
  const int pid = ::fork();
  if (pid < 0) return fail(errno_error("fork", "supervisor"));
  if (pid > 0) return Background{.line = BackgroundLine(std::move(front)), .in_front = true};
  ::setsid();
  return Background{.line = BackgroundLine(std::move(back)), .in_front = false};
}

}  // namespace yett
