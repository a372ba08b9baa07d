#include "ioctl_uapi/exec_protocol.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "ioctl_uapi/send_fds.hpp"

namespace yett {
namespace {

// A frame is: 't' or '-', then each string with its NUL, lists ended by an empty string's NUL.
constexpr char kTerminal = 't';
constexpr char kNoTerminal = '-';

void append_list(std::string& frame, const std::vector<std::string>& texts) {
  frame += std::to_string(texts.size());
  frame += '\0';
  for (const std::string& text : texts) {
    frame += text;
    frame += '\0';
  }
}

std::optional<std::string> take_text(std::string_view& frame) {
  const std::size_t end = frame.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  std::string text(frame.substr(0, end));
  frame.remove_prefix(end + 1);
  return text;
}

bool take_list(std::string_view& frame, std::vector<std::string>& texts) {
  const auto count = take_text(frame);
  if (!count || count->empty() || count->size() > 6) return false;
  std::size_t left = 0;
  for (const char digit : *count) {
    if (digit < '0' || digit > '9') return false;
    left = left * 10 + static_cast<std::size_t>(digit - '0');
  }
  for (; left > 0; --left) {
    auto text = take_text(frame);
    if (!text) return false;
    texts.push_back(std::move(*text));
  }
  return true;
}

Error malformed() {
  return Error{
      .kind = ErrorKind::invalid_request, .subject = "exec request", .detail = "is malformed"};
}

Result<ExecRequest> parse_frame(std::string_view frame) {
  ExecRequest request;
  if (frame.empty()) return fail(malformed());
  request.terminal = frame.front() == kTerminal;
  frame.remove_prefix(1);
  auto directory = take_text(frame);
  if (!directory || !take_list(frame, request.argv) || !take_list(frame, request.environment) ||
      !frame.empty() || request.argv.empty())
    return fail(malformed());
  request.working_directory = std::move(*directory);
  return request;
}

// One message, and the descriptors that came with it.
Result<std::size_t> receive_with_fds(BorrowedFd socket, std::span<char> bytes,
                                     std::span<UniqueFd> fds) {
  struct iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxPassedFds)> control{};
  struct msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail(errno_error("receive", "exec request"));
  const struct cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    std::array<int, kMaxPassedFds> passed{};
    const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(passed.data(), CMSG_DATA(rights), count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) {
      UniqueFd owned(passed[i]);
      if (i < fds.size()) fds[i] = std::move(owned);
    }
  }
  const bool cut = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (got == 0 || cut) return fail(malformed());
  return static_cast<std::size_t>(got);
}

}  // namespace

Status send_exec_request(BorrowedFd socket, const ExecRequest& request,
                         const std::array<int, 3>& stdio) {
  std::string frame(1, request.terminal ? kTerminal : kNoTerminal);
  frame += request.working_directory;
  frame += '\0';
  append_list(frame, request.argv);
  append_list(frame, request.environment);
  if (frame.size() > kMostExecRequestBytes)
    return fail(request_error("exec", "the command and its environment are longer than 128 KiB",
                              "pass long texts by a file or by standard input"));
  ChildResult sent = send_with_fds(socket.get(), frame.data(), frame.size(),
                                   std::span(stdio).first<kMaxPassedFds>());
  if (sent == kDone) sent = send_with_fds(socket.get(), "2", 1, std::span(stdio).last<1>());
  if (sent != kDone) return fail(errno_error(sent, "send", "exec request"));
  return {};
}

Result<ReceivedExecRequest> receive_exec_request(BorrowedFd socket) {
  std::string frame(kMostExecRequestBytes, '\0');
  ReceivedExecRequest received;
  YETT_TRY(const std::size_t size,
           receive_with_fds(socket, frame, std::span(received.stdio).first<kMaxPassedFds>()));
  YETT_TRY(received.request, parse_frame(std::string_view(frame).substr(0, size)));
  std::array<char, 1> last{};
  YETT_TRY(const std::size_t rest,
           receive_with_fds(socket, last, std::span(received.stdio).last<1>()));
  for (const UniqueFd& fd : received.stdio)
    if (!fd.valid() || rest != 1) return fail(malformed());
  return received;
}

void send_exec_news(BorrowedFd socket, const ExecNews& news) {
  static_cast<void>(send_with_fds(socket.get(), &news, sizeof news, {}));
}

Result<ExecNews> receive_exec_news(BorrowedFd socket) {
  ExecNews news;
  ssize_t got = 0;
  do {
    got = ::recv(socket.get(), &news, sizeof news, 0);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof news)) {
    news.text.back() = '\0';
    return news;
  }
  return fail(Error{.kind = ErrorKind::target_gone,
                    .subject = "exec",
                    .detail = "the sandbox has ended, or its supervisor has died"});
}

}  // namespace yett
