#include "ioctl_uapi/exec_protocol.hpp"

#include <cerrno>
#include <optional>
#include <span>
#include <string_view>

#include "ioctl_uapi/peer.hpp"
#include "ioctl_uapi/receive_fds.hpp"

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
Result<std::size_t> receive_part(BorrowedFd socket, std::span<char> bytes,
                                 std::span<UniqueFd> fds) {
  std::array<int, kMaxPassedFds> passed{};
  const ReceivedBytes received =
      receive_with_fds(socket.get(), bytes, std::span(passed).first(fds.size()));
  if (received.error == EPIPE || received.error == EPROTO) return fail(malformed());
  if (received.error != kDone) return fail(errno_error(received.error, "receive", "exec request"));
  for (std::size_t i = 0; i < fds.size(); ++i) fds[i].reset(passed[i]);
  return received.size;
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
           receive_part(socket, frame, std::span(received.stdio).first<kMaxPassedFds>()));
  YETT_TRY(received.request, parse_frame(std::string_view(frame).substr(0, size)));
  std::array<char, 1> last{};
  YETT_TRY(const std::size_t rest, receive_part(socket, last, std::span(received.stdio).last<1>()));
  for (const UniqueFd& fd : received.stdio)
    if (!fd.valid() || rest != 1) return fail(malformed());
  return received;
}

void send_exec_news(BorrowedFd socket, const ExecNews& news) {
  static_cast<void>(send_with_fds(socket.get(), &news, sizeof news, {}));
}

Result<ExecNews> receive_exec_news(BorrowedFd socket) {
  ExecNews news;
  if (receive_frame(socket.get(), &news, sizeof news) == kDone) {
    news.text.back() = '\0';
    return news;
  }
  return fail(supervisor_gone("exec"));
}

}  // namespace yett
