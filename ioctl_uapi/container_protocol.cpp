#include "ioctl_uapi/container_protocol.hpp"

#include <array>
#include <span>

#include "ioctl_uapi/receive_fds.hpp"

namespace yett {
const char* container_step_name(ContainerStep step) {
  static constexpr std::array<const char*, static_cast<std::size_t>(ContainerStep::count)> kNames{
      "begin",
      "join cgroup",
      "unshare cgroup namespace",
      "join namespace",
      "enter user namespace",
      "set hostname",
      "set sysctl",
      "raise loopback",
      "set mount propagation",
      "mount root filesystem",
      "mount",
      "make device",
      "wait for hooks",
      "open terminal",
      "mask path",
      "pivot_root",
      "start session",
      "set limits",
      "place on CPUs and memory nodes",
      "chdir to cwd",
      "exec",
      "take identity",
      "wait for start",
      "confine",
      "run startContainer hook",
      "exec",
  };
  const auto index = static_cast<std::size_t>(step);
  return index < kNames.size() ? kNames[index] : "unknown step";
}

ChildResult send_container_message(int socket, const ContainerMessage& message, int passed_fd) {
  const std::span<const int> fds(&passed_fd, passed_fd >= 0 ? 1 : 0);
  return send_with_fds(socket, &message, sizeof message, fds);
}

ChildResult receive_container_message(int socket, ContainerMessage& message, int* passed_fd) {
  return receive_frame(socket, &message, sizeof message,
                       std::span(passed_fd, passed_fd != nullptr ? 1 : 0));
}

}  // namespace yett
