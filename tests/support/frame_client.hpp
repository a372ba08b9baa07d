// A peer of the control socket (yett/uapi.h), for tests.
#pragma once

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <yett/uapi.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"

namespace yett::test {

struct Frame {
  yett_frame head{};
  std::string memory;
};

class FrameClient {
 public:
  explicit FrameClient(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      socket_.reset();
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  [[nodiscard]] bool connected() const { return socket_.valid(); }
  [[nodiscard]] int fd() const { return socket_.get(); }

  static Frame make(unsigned command, std::uint64_t argument, std::string memory) {
    Frame frame{.head = {}, .memory = std::move(memory)};
    frame.head.magic = YETT_FRAME_MAGIC;
    frame.head.version = YETT_FRAME_VERSION;
    frame.head.command = command;
    frame.head.argument = argument;
    frame.head.size = static_cast<std::uint32_t>(frame.memory.size());
    return frame;
  }

  bool send(const Frame& frame, const std::vector<int>& descriptors = {}, int flags = 0) const {
    std::string bytes(reinterpret_cast<const char*>(&frame.head), sizeof frame.head);
    bytes += frame.memory;
    return send_bytes(bytes, descriptors, flags);
  }
  [[nodiscard]] bool send_bytes(std::string bytes, const std::vector<int>& descriptors,
                                int flags) const {
    iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
    const std::size_t size = descriptors.size() * sizeof(int);
    std::vector<char> control(CMSG_SPACE(size));
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (size != 0) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
    }
    return ::sendmsg(socket_.get(), &header, flags | MSG_NOSIGNAL) >= 0;
  }
  // Nothing: the connection is over.
  [[nodiscard]] std::optional<Frame> receive() const {
    std::string bytes(sizeof(yett_frame) + YETT_FRAME_MAX, '\0');
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got < static_cast<ssize_t>(sizeof(yett_frame))) return std::nullopt;
    Frame frame;
    std::memcpy(&frame.head, bytes.data(), sizeof frame.head);
    frame.memory =
        bytes.substr(sizeof frame.head, static_cast<std::size_t>(got) - sizeof frame.head);
    return frame;
  }

  // As ioctl(2): what it gives, or -errno; -ENOLINK: the connection is over. `memory` as the
  // command left it.
  int call(unsigned command, std::uint64_t argument, std::string& memory,
           const std::vector<int>& descriptors = {}) const {
    if (!send(make(command, argument, memory), descriptors)) return -ENOLINK;
    const auto answer = receive();
    if (!answer) return -ENOLINK;
    memory = answer->memory;
    return answer->head.result;
  }
  int call(unsigned command, std::uint64_t argument) const {
    std::string none;
    return call(command, argument, none);
  }

  [[nodiscard]] int create(const std::string& path) const {
    std::string memory = path + '\0';
    return call(YETT_CREATE, 0, memory);
  }
  // SPAWN's memory.
  static std::string spawn_memory(int sandbox, const std::vector<std::string>& words) {
    std::string strings;
    for (const std::string& word : words) strings += word + '\0';
    yett_spawn_call wanted{};
    wanted.size = sizeof wanted;
    wanted.sandbox = sandbox;
    wanted.argument_count = static_cast<std::uint32_t>(words.size());
    wanted.strings = sizeof wanted;
    wanted.strings_size = static_cast<std::uint32_t>(strings.size());
    return std::string(reinterpret_cast<const char*>(&wanted), sizeof wanted) + strings;
  }
  [[nodiscard]] int spawn(int sandbox, const std::vector<std::string>& words,
                          const std::vector<int>& descriptors = {}) const {
    std::string memory = spawn_memory(sandbox, words);
    return call(YETT_SPAWN, 0, memory, descriptors);
  }

 private:
  UniqueFd socket_;
};

}  // namespace yett::test
