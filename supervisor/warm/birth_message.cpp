#include "supervisor/warm/birth_message.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "ioctl_uapi/include/yett/uapi.h"
#include "ioctl_uapi/receive_fds.hpp"
#include "supervisor/control/call_memory.hpp"

namespace yett {

Status send_birth(BorrowedFd socket, const BirthMessage& message) {
  std::vector<int> numbers;
  for (const UniqueFd& each : message.descriptors) numbers.push_back(each.get());
  std::string bytes(reinterpret_cast<const char*>(&message.head), sizeof message.head);
  bytes += join_strings(message.arguments) + join_strings(message.environment);
  const int sent = send_with_fds(socket.get(), bytes.data(), bytes.size(), numbers);
  return sent == kDone ? Status() : fail(errno_error(sent, "send", "birth"));
}

Result<BirthMessage> receive_birth(BorrowedFd socket, int patience_ms) {
  pollfd asked{.fd = socket.get(), .events = POLLIN, .revents = 0};
  int polled = 0;
  while ((polled = ::poll(&asked, 1, patience_ms)) < 0 && errno == EINTR) continue;
  if (polled == 0) return fail(errno_error(ETIMEDOUT, "receive", "birth"));
  std::vector<char> bytes(sizeof(BirthHead) + YETT_FRAME_MAX);
  std::array<int, kMostFdsOfMessage> numbers{};
  const ReceivedBytes received = receive_with_fds(socket.get(), bytes, numbers);
  if (received.error == EPIPE)
    return fail(Error{.kind = ErrorKind::target_gone,
                      .operation = "receive",
                      .subject = "birth",
                      .detail = "the other side has gone"});
  if (received.error != kDone) return fail(errno_error(received.error, "receive", "birth"));
  BirthMessage message;
  for (const int number : numbers)
    if (number >= 0) message.descriptors.emplace_back(number);
  std::string_view rest(bytes.data(), received.size);
  if (rest.size() < sizeof message.head) return fail(errno_error(EPROTO, "receive", "birth"));
  std::memcpy(&message.head, rest.data(), sizeof message.head);
  message.head.text.back() = '\0';
  rest.remove_prefix(sizeof message.head);
  if (!take_strings(rest, message.head.argument_count, message.arguments) ||
      !take_strings(rest, message.head.environment_count, message.environment))
    return fail(errno_error(EPROTO, "receive", "birth"));
  return message;
}

Result<BirthMessage> expect_birth(BorrowedFd socket, int patience_ms, BirthWord word) {
  YETT_TRY(BirthMessage message, receive_birth(socket, patience_ms));
  if (message.head.word == word) return message;
  if (message.head.word != BirthWord::failed) return fail(errno_error(EPROTO, "receive", "birth"));
  return fail(Error{.kind = ErrorKind::system,
                    .sys_errno = message.head.value,
                    .operation = "warm fork",
                    .detail = message.head.text.data()});
}

Result<std::pair<UniqueFd, UniqueFd>> make_birth_line() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errno_error("socketpair", "warm fork"));
  return std::pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace yett
