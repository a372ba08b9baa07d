#include "ioctl_uapi/swap_protocol.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "ioctl_uapi/peer.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "ioctl_uapi/send_fds.hpp"

namespace yett {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Error malformed(int sys_errno = EINVAL) {
  return Error{.kind = ErrorKind::invalid_request,
               .sys_errno = sys_errno,
               .subject = "swap request",
               .detail = "is malformed"};
}

}  // namespace

Result<UniqueFd> make_policy_memory(const std::string& text) {
  UniqueFd memory(::memfd_create("yett-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid() ||
      ::write(memory.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0)
    return fail(errno_error("write", "policy"));
  return memory;
}

Result<std::string> read_policy_memory(BorrowedFd memory) {
  struct stat status{};
  if (!memory.valid() || (::fcntl(memory.get(), F_GET_SEALS) & kSeals) != kSeals ||
      ::fstat(memory.get(), &status) != 0 || status.st_size < 0 ||
      static_cast<std::size_t>(status.st_size) > kMostPolicyBytes)
    return fail(malformed());
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  if (::pread(memory.get(), text.data(), text.size(), 0) != status.st_size)
    return fail(malformed());
  return text;
}

Status send_swap_request(BorrowedFd socket, const std::string& name, BorrowedFd memory) {
  SwapRequest request;
  if (name.size() >= request.name.size())
    return fail(errno_error(ENAMETOOLONG, "send", "policy's name"));
  name.copy(request.name.data(), name.size());
  const int passed = memory.get();
  const ChildResult sent =
      send_with_fds(socket.get(), &request, sizeof request, std::span(&passed, 1));
  if (sent != kDone) return fail(errno_error(sent, "send", "swap request"));
  return {};
}

Result<ReceivedSwapRequest> receive_swap_request(BorrowedFd socket) {
  std::array<char, sizeof(SwapRequest) + 1> bytes{};
  std::array<int, 1> passed{-1};
  const ReceivedBytes received = receive_with_fds(socket.get(), bytes, passed, MSG_DONTWAIT);
  const UniqueFd memory(passed[0]);
  if (received.error != kDone) return fail(malformed(received.error));
  SwapRequest request;
  if (received.size != sizeof request) return fail(malformed());
  std::memcpy(&request, bytes.data(), sizeof request);
  if (request.magic != SwapRequest::kMagic || request.size != sizeof request ||
      request.name.front() == '\0' || request.name.back() != '\0')
    return fail(malformed());
  ReceivedSwapRequest asked{.name = request.name.data(), .text = {}};
  YETT_TRY(asked.text, read_policy_memory(memory.borrow()));
  return asked;
}

void send_swap_reply(BorrowedFd socket, const SwapReply& reply) {
  static_cast<void>(::send(socket.get(), &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL));
}

Result<SwapReply> receive_swap_reply(BorrowedFd socket) {
  SwapReply reply;
  if (receive_frame(socket.get(), &reply, sizeof reply) != kDone)
    return fail(supervisor_gone("swap"));
  reply.old_hash.back() = '\0';
  reply.new_hash.back() = '\0';
  reply.text.back() = '\0';
  return reply;
}

}  // namespace yett
