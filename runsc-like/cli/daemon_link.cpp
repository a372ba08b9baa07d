#include "runsc-like/cli/daemon_link.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "ioctl_uapi/named_socket.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {

Result<DaemonLink> DaemonLink::connect(const std::string& path) {
  YETT_TRY(UniqueFd socket, connect_to_socket(path));
  return DaemonLink(std::move(socket));
}

Result<ControlFrame> DaemonLink::receive() const {
  std::vector<char> message(sizeof(yett_frame) + YETT_FRAME_MAX);
  const ReceivedBytes received = receive_with_fds(socket_.get(), message, {});
  if (received.error == EPIPE)
    return fail(
        Error{.kind = ErrorKind::target_gone, .operation = "yettd", .detail = "it has gone"});
  if (received.error != kDone) return fail(errno_error(received.error, "receive", "yettd"));
  ControlFrame frame;
  yett_frame head{};
  auto bytes = std::as_writable_bytes(std::span(message)).first(received.size);
  // An answer is a frame but for its result, which calls do not have.
  if (bytes.size() >= sizeof head) {
    std::memcpy(&head, bytes.data(), sizeof head);
    const std::int32_t none = 0;
    std::memcpy(bytes.data() + offsetof(yett_frame, result), &none, sizeof none);
  }
  if (const int error = parse_frame(bytes, frame); error != 0)
    return fail(errno_error(error, "receive", "yettd"));
  frame.head.result = head.result;
  if (head.command == 0 && head.result == -EACCES)
    return fail(Error{.kind = ErrorKind::invalid_request,
                      .operation = "yettd",
                      .detail = "it does not serve this user",
                      .mend = "have root add its number to users in yettd.toml"});
  if (head.command == 0) return fail(errno_error(-head.result, "yettd"));
  return frame;
}

Result<int> DaemonLink::call(std::uint32_t command, std::uint64_t argument,
                             std::vector<std::byte>& memory, std::span<const int> descriptors) {
  ControlFrame frame{.head = {.magic = YETT_FRAME_MAGIC,
                              .version = YETT_FRAME_VERSION,
                              .command = command,
                              .sequence = ++sequence_,
                              .argument = argument,
                              .size = static_cast<std::uint32_t>(memory.size()),
                              .result = 0},
                     .memory = std::move(memory)};
  const auto message = frame.message();
  // Who has been sent away hears why before the end.
  const int sent = send_with_fds(socket_.get(), message.data(), message.size(), descriptors);
  if (sent != kDone && sent != EPIPE && sent != ECONNRESET)
    return fail(errno_error(sent, "send", "yettd"));
  for (;;) {
    YETT_TRY(ControlFrame answer, receive());
    if (answer.head.sequence == sequence_ && answer.head.command == command) {
      memory = std::move(answer.memory);
      return answer.head.result;
    }
    unasked_.push_back(std::move(answer));
  }
}

Result<ControlFrame> DaemonLink::next() {
  if (unasked_.empty()) return receive();
  ControlFrame first = std::move(unasked_.front());
  unasked_.pop_front();
  return first;
}

}  // namespace yett
