#include "ioctl_uapi/grant_protocol.hpp"

#include <cstring>
#include <span>

#include "ioctl_uapi/peer.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {

std::optional<GrantRequest> read_grant_request(const void* bytes, std::size_t size) {
  GrantRequest request;
  if (size != sizeof request) return std::nullopt;
  std::memcpy(&request, bytes, sizeof request);
  if (request.magic != GrantRequest::kMagic) return std::nullopt;
  switch (request.command) {
    case GrantCommand::list:
    case GrantCommand::allow:
    case GrantCommand::always:
    case GrantCommand::deny:
    case GrantCommand::substitute:
      return request;
  }
  return std::nullopt;
}

Status send_grant_request(BorrowedFd socket, const GrantRequest& request, BorrowedFd file) {
  const int passed = file.get();
  const ChildResult sent = send_with_fds(socket.get(), &request, sizeof request,
                                         std::span(&passed, file.valid() ? 1 : 0));
  if (sent != kDone) return fail(errno_error(sent, "send", "grant request"));
  return {};
}

Result<GrantReply> receive_grant_reply(BorrowedFd socket) {
  GrantReply reply;
  if (receive_frame(socket.get(), &reply, sizeof reply) != kDone)
    return fail(supervisor_gone("grant"));
  reply.comm.back() = '\0';
  reply.call.back() = '\0';
  reply.object.back() = '\0';
  return reply;
}

}  // namespace yett
