// Frames of the control sockets as a hostile peer sends them, and what it is answered.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "ioctl_uapi/send_fds.hpp"
#include "supervisor/control/frame_memory.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace yett::test {

// One of those, or any number.
inline std::uint32_t read_command(FuzzInput& input, std::span<const unsigned> commands) {
  const std::uint64_t choice = input.number(1);
  if (choice < 0xe0) return commands[choice % commands.size()];
  return static_cast<std::uint32_t>(input.number(4));
}

struct Message {
  std::vector<std::uint8_t> bytes;
  std::optional<yett_frame> head;  // where it is a frame
  std::size_t descriptors = 0;
};

// A frame with what the input says in it, or whatever it says.
inline Message read_message(FuzzInput& input, std::span<const unsigned> commands) {
  Message message;
  const std::uint64_t shape = input.number(1);
  message.descriptors = shape >> 4 & 7;
  yett_frame head{.magic = YETT_FRAME_MAGIC,
                  .version = YETT_FRAME_VERSION,
                  .command = read_command(input, commands),
                  .sequence = static_cast<std::uint32_t>(shape),
                  .argument = input.number(shape % 2 == 0 ? 1 : 8),
                  .size = 0,
                  .result = 0};
  const auto memory = input.take(input.number(1) * (shape % 16 == 15 ? 400 : 2));
  head.size = static_cast<std::uint32_t>(memory.size());
  if (shape % 16 != 1) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&head);
    message.bytes.assign(bytes, bytes + sizeof head);
  }
  message.bytes.insert(message.bytes.end(), memory.begin(), memory.end());
  // One byte of it is another.
  if (shape % 16 == 2 && !message.bytes.empty())
    message.bytes[input.number(1) % message.bytes.size()] ^= 1U << (shape >> 5);
  if (message.bytes.size() >= sizeof head) {
    std::memcpy(&head, message.bytes.data(), sizeof head);
    const std::size_t rest = message.bytes.size() - sizeof head;
    if (head.magic == YETT_FRAME_MAGIC && head.version == YETT_FRAME_VERSION && head.size == rest &&
        rest <= YETT_FRAME_MAX && head.result == 0 && message.descriptors <= kMostFdsOfMessage)
      message.head = head;
  }
  return message;
}

inline void send_message(int socket, const Message& message) {
  static const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  std::array<int, 8> descriptors;
  descriptors.fill(null);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptors)> control{};
  iovec data{.iov_base = const_cast<std::uint8_t*>(message.bytes.data()),
             .iov_len = message.bytes.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (const std::size_t size = message.descriptors * sizeof(int); size != 0) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  need(::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0, "it is sent");
}

// The next one that waits there.
inline std::optional<ControlFrame> receive_frame_of(int socket) {
  static std::array<std::byte, sizeof(yett_frame) + YETT_FRAME_MAX + 1> bytes;
  const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got <= 0) return std::nullopt;
  ControlFrame frame;
  need(static_cast<std::size_t>(got) >= sizeof frame.head, "a whole head");
  std::memcpy(&frame.head, bytes.data(), sizeof frame.head);
  const auto memory =
      std::span(bytes).first(static_cast<std::size_t>(got)).subspan(sizeof frame.head);
  need(frame.head.magic == YETT_FRAME_MAGIC && frame.head.version == YETT_FRAME_VERSION &&
           frame.head.size == memory.size(),
       "a frame");
  frame.memory.assign(memory.begin(), memory.end());
  return frame;
}

}  // namespace yett::test
