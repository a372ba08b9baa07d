#include "supervisor/daemon/supervisor_line.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <tuple>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/include/yett/uapi.h"
#include "ioctl_uapi/receive_fds.hpp"
#include "supervisor/control/call_memory.hpp"

namespace yett {
namespace {

// Of a program: how many strings of which kind follow, and which descriptors came with them.
struct ProgramHead {
  std::uint32_t argument_count = 0;
  std::uint32_t environment_count = 0;
  std::uint32_t report_count = 0;  // 1: a run's, whose report file comes behind them
  std::uint32_t given = 0;         // bit i: descriptor i, the directory last
};
constexpr std::size_t kStreams = std::tuple_size_v<decltype(ProgramWanted::descriptors)>;
static_assert(kStreams + 1 <= kMostFdsOfMessage);

// Where descriptor `i` of those is.
UniqueFd& place_of(ProgramWanted& wanted, std::size_t i) {
  return i < kStreams ? wanted.descriptors[i] : wanted.directory;
}
const UniqueFd& place_of(const ProgramWanted& wanted, std::size_t i) {
  return i < kStreams ? wanted.descriptors[i] : wanted.directory;
}
// Of a function, which has no other.
constexpr std::uint32_t kEntranceGiven = 1U << (kStreams + 1);

Result<ProgramWanted> parse_program(std::span<const char> message, std::span<int> numbers) {
  ProgramWanted wanted;
  ProgramHead head;
  std::string_view rest(message.data(), message.size());
  std::vector<UniqueFd> passed;
  for (const int number : numbers)
    if (number >= 0) passed.emplace_back(number);
  if (rest.size() < sizeof head) return fail(errno_error(EPROTO, "receive", "program"));
  std::memcpy(&head, rest.data(), sizeof head);
  rest.remove_prefix(sizeof head);
  std::vector<std::string> report;
  if (!take_strings(rest, head.argument_count, wanted.arguments) ||
      !take_strings(rest, head.environment_count, wanted.environment) ||
      !take_strings(rest, head.report_count, report) ||
      wanted.arguments.empty() != ((head.given & kEntranceGiven) != 0))
    return fail(errno_error(EPROTO, "receive", "program"));
  if (!report.empty()) wanted.report_file = std::move(report.front());
  std::size_t next = 0;
  for (std::size_t i = 0; i <= kStreams; ++i)
    if ((head.given >> i & 1) != 0 && next < passed.size())
      place_of(wanted, i) = std::move(passed[next++]);
  if ((head.given & kEntranceGiven) == 0) return wanted;
  if (next == passed.size()) return fail(errno_error(EPROTO, "receive", "function"));
  wanted.entrance = std::move(passed[next]);
  return wanted;
}

}  // namespace

template <typename Message>
bool SupervisorLine::send(const Message& message) const {
  return ::send(socket_.get(), &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
         errno != EAGAIN;
}

bool SupervisorLine::send_kept() const {
  while (!kept_.empty() && send(kept_.front())) kept_.pop_front();
  while (kept_.empty() && !kept_questions_.empty() && send(kept_questions_.front()))
    kept_questions_.pop_front();
  return kept_.empty() && kept_questions_.empty();
}

void SupervisorLine::tell(const News& news) const {
  if (!socket_.valid()) return;
  const std::scoped_lock held(lock_);
  if (!send_kept() || !send(news)) keep(news);
}

void SupervisorLine::tell(const GrantReply& question) const {
  if (!socket_.valid()) return;
  const std::scoped_lock held(lock_);
  if (!send_kept() || !send(question)) keep(question);
}

bool SupervisorLine::tell(const CallTimesReport& times) const {
  if (!socket_.valid()) return true;
  const std::scoped_lock held(lock_);
  return send_kept() && send(times);
}

// So there are no more than may be open, and as many that were open when the daemon last read.
void SupervisorLine::keep(const GrantReply& question) const {
  const auto told = std::ranges::find(kept_questions_, question.question, &GrantReply::question);
  if (told == kept_questions_.end()) return kept_questions_.push_back(question);
  if (question.kind == GrantReplyKind::settled) kept_questions_.erase(told);
}

void SupervisorLine::keep(const News& news) const {
  if (news.kind != NewsKind::verdict) return kept_.push_back(news);
  const bool is_full = kept_.size() >= kMostKept;
  const auto like = std::ranges::find_if(kept_, [&](const News& each) {
    return each.kind == NewsKind::verdict && each.plane == news.plane &&
           each.verdict == news.verdict &&
           (is_full ||
            (each.call == news.call && each.text == news.text && each.value == news.value));
  });
  if (like == kept_.end()) return kept_.push_back(news);
  like->count += news.count;
  if (like->call != news.call) like->call = {};
  if (like->text != news.text) like->text = {};
}

Result<ProgramWanted> SupervisorLine::await_program() const {
  std::vector<char> message(sizeof(ProgramHead) + YETT_FRAME_MAX);
  std::array<int, kMostFdsOfMessage> numbers{};
  const ReceivedBytes received = receive_with_fds(socket_.get(), message, numbers);
  if (received.error == EPIPE)
    return fail(Error{.kind = ErrorKind::target_gone,
                      .operation = "wait for a program",
                      .detail = "yettd has no use for it any more"});
  if (received.error != kDone) return fail(errno_error(received.error, "wait for a program"));
  return parse_program(std::span(message).first(received.size), numbers);
}

std::optional<std::uint64_t> SupervisorLine::await_wish() const {
  std::uint64_t number = 0;
  if (receive_frame(socket_.get(), &number, sizeof number) != kDone) return std::nullopt;
  return number;
}

Result<UniqueFd> SupervisorLine::grant_wish(std::uint64_t number) const {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(errno_error("socketpair", "instance"));
  UniqueFd own(ends[0]);
  const UniqueFd daemons(ends[1]);
  YETT_TRY(const UniqueFd pidfd, open_pidfd(::getpid()));
  const News news{.kind = NewsKind::born, .pid = ::getpid(), .count = number};
  const std::array<int, 2> given{pidfd.get(), daemons.get()};
  const int sent = send_with_fds(socket_.get(), &news, sizeof news, given);
  if (sent != kDone) return fail(errno_error(sent, "answer", "wish for an instance"));
  return own;
}

void SupervisorLine::refuse_wish(std::uint64_t number, int error) const {
  tell(News{.kind = NewsKind::born, .value = error, .count = number});
}

Status send_wish(BorrowedFd socket, std::uint64_t number) {
  const int sent = send_with_fds(socket.get(), &number, sizeof number, {});
  return sent == kDone ? Status() : fail(errno_error(sent, "send", "wish for an instance"));
}

// Between builds: starter_protocol.hpp. Their sizes tell them apart.
static_assert(sizeof(News) == 480);
static_assert(sizeof(CallTimesReport) == 504);
static_assert(sizeof(GrantReply) == 4160);

namespace {

template <typename Message>
Message message_of(std::span<const char> bytes) {
  Message message;
  std::memcpy(&message, bytes.data(), sizeof message);
  return message;
}

News news_of(std::span<const char> bytes) {
  auto news = message_of<News>(bytes);
  news.plane.back() = news.call.back() = news.text.back() = '\0';
  return news;
}

GrantReply question_of(std::span<const char> bytes) {
  auto question = message_of<GrantReply>(bytes);
  question.comm.back() = question.call.back() = question.object.back() = '\0';
  return question;
}

}  // namespace

LineMessage read_line(BorrowedFd socket) {
  std::array<char, sizeof(GrantReply)> bytes;
  const ReceivedBytes received = receive_with_fds(socket.get(), bytes, {}, MSG_DONTWAIT);
  if (received.error != kDone) return {};
  if (received.size == sizeof(News)) return news_of(bytes);
  if (received.size == sizeof(GrantReply)) return question_of(bytes);
  if (received.size == sizeof(CallTimesReport)) return message_of<CallTimesReport>(bytes);
  return {};
}

std::optional<News> read_news(BorrowedFd socket, std::span<int> fds) {
  News news;
  if (receive_frame(socket.get(), &news, sizeof news, fds, MSG_DONTWAIT) != kDone)
    return std::nullopt;
  news.plane.back() = news.call.back() = news.text.back() = '\0';
  return news;
}

Status send_program(BorrowedFd socket, const ProgramWanted& wanted) {
  ProgramHead head{.argument_count = static_cast<std::uint32_t>(wanted.arguments.size()),
                   .environment_count = static_cast<std::uint32_t>(wanted.environment.size()),
                   .report_count = wanted.report_file ? 1U : 0U};
  std::vector<int> numbers;
  for (std::size_t i = 0; i <= kStreams; ++i) {
    if (!place_of(wanted, i).valid()) continue;
    head.given |= 1U << i;
    numbers.push_back(place_of(wanted, i).get());
  }
  if (wanted.entrance.valid()) {
    head.given |= kEntranceGiven;
    numbers.push_back(wanted.entrance.get());
  }
  std::string message(reinterpret_cast<const char*>(&head), sizeof head);
  message += join_strings(wanted.arguments) + join_strings(wanted.environment);
  if (wanted.report_file) message += join_strings({*wanted.report_file});
  const ChildResult sent = send_with_fds(socket.get(), message.data(), message.size(), numbers);
  if (sent != kDone) return fail(errno_error(sent, "send", "program"));
  return {};
}

bool send_answer(BorrowedFd socket, const GrantRequest& request, BorrowedFd file) {
  const int passed = file.get();
  return send_with_fds(socket.get(), &request, sizeof request,
                       std::span(&passed, file.valid() ? 1 : 0), MSG_DONTWAIT) == kDone;
}

}  // namespace yett
