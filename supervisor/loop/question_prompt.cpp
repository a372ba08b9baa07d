#include "supervisor/loop/question_prompt.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/text.hpp"

namespace yett {
namespace {

using std::chrono::steady_clock;

// SECURITY(typed-ahead): what somebody was typing for the program is no answer.
constexpr std::chrono::milliseconds kDeaf{700};
constexpr std::size_t kLongestLine = 16;
constexpr char kInterrupt = 0x03;
constexpr char kErase = 0x7f;

std::string question_text(const GrantReply& question) {
  return "\r\n\x1b[0myett: " + escape_for_terminal(question.comm.data()) + " (" +
         std::to_string(question.pid) + ") wants to " +
         (question.for_write != 0 ? "write " : "read ") +
         escape_for_terminal(question.object.data()) + "\r\n";
}

}  // namespace

std::optional<GrantCommand> answer_of(std::string_view line) {
  if (line == "o" || line == "once") return GrantCommand::allow;
  if (line == "a" || line == "always") return GrantCommand::always;
  if (line == "d" || line == "deny") return GrantCommand::deny;
  return std::nullopt;
}

QuestionPrompt::QuestionPrompt(boost::asio::io_context& io, UniqueFd desk, BorrowedFd asked,
                               TerminalRelay& terminal)
    : desk_fd_(std::move(desk)),
      desk_(io, desk_fd_.borrow()),
      bell_(io, asked),
      terminal_(terminal),
      timer_(io) {}

void QuestionPrompt::start() {
  watch_bell();
  watch_desk();
}

void QuestionPrompt::watch_bell() {
  bell_.wait_readable([this] {
    eventfd_t rung = 0;
    ::eventfd_read(bell_.fd(), &rung);
    look();
    watch_bell();
  });
}

void QuestionPrompt::watch_desk() {
  desk_.wait_readable([this] {
    GrantReply reply;
    for (;;) {
      const ssize_t size = ::recv(desk_.fd(), &reply, sizeof reply, MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return watch_desk();
      if (size != sizeof reply) return close("nobody decides any more");
      on_reply(reply);
    }
  });
}

void QuestionPrompt::send(const GrantRequest& request) {
  static_cast<void>(::send(desk_.fd(), &request, sizeof request, MSG_DONTWAIT | MSG_NOSIGNAL));
}

void QuestionPrompt::look() {
  if (waits_for_list_ || waits_for_answer_) {
    rung_meanwhile_ = true;
    return;
  }
  waits_for_list_ = true;
  first_.reset();
  again_.reset();
  send({.command = GrantCommand::list});
}

void QuestionPrompt::on_reply(const GrantReply& reply) {
  if (reply.kind == GrantReplyKind::question) {
    if (!first_) first_ = reply;
    if (shown_ && reply.question == shown_->question) again_ = reply;
    return;
  }
  // Replies come in the order of the requests, and none is made while an answer is under way.
  if (std::exchange(waits_for_list_, false)) return on_list_end();
  if (std::exchange(waits_for_answer_, false)) on_answer_end(reply.error);
}

void QuestionPrompt::on_list_end() {
  const bool is_over = shown_ && !again_;
  if (is_over) close("it is not open any more");
  if (shown_) {
    shown_ = again_;
    if (!waits_for_answer_) draw_line();
    tick();
  } else if (first_) {
    shown_ = first_;
    show();
  }
  if (std::exchange(rung_meanwhile_, false)) look();
}

void QuestionPrompt::on_answer_end(int error) {
  close(error == 0 ? "" : error == ESRCH ? "it is not open any more" : "it could not be given");
  look();
}

void QuestionPrompt::show() {
  line_.clear();
  deaf_until_ = steady_clock::now() + kDeaf;
  terminal_.hold([this](std::string_view keys) { on_keys(keys); });
  terminal_.say(question_text(*shown_));
  draw_line();
  tick();
}

void QuestionPrompt::draw_line() {
  terminal_.say("\r\x1b[Kyett: [o]nce, [a]lways or [d]eny? (" +
                std::to_string(shown_->left_ms / 1000) + " s) " + line_);
}

// How long there is left, and whether somebody else has answered.
void QuestionPrompt::tick() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error && shown_ && !waits_for_answer_) look();
  });
}

void QuestionPrompt::close(const char* why) {
  if (!shown_) return;
  shown_.reset();
  timer_.cancel();
  const std::string told(why);
  terminal_.say(told.empty() ? "\r\n" : "\r\nyett: " + told + "\r\n");
  terminal_.resume();
}

void QuestionPrompt::on_keys(std::string_view keys) {
  if (steady_clock::now() < *deaf_until_) return;
  for (const char key : keys) {
    if (!shown_ || waits_for_answer_) return;
    if (key == '\r' || key == '\n') {
      on_line();
    } else if (key == kInterrupt) {
      line_ = "deny";
      on_line();
    } else if (key == kErase) {
      if (!line_.empty()) line_.pop_back();
    } else if (key >= 'a' && key <= 'z' && line_.size() < kLongestLine) {
      line_ += key;
    }
  }
  if (shown_) draw_line();
}

void QuestionPrompt::on_line() {
  const auto answer = answer_of(line_);
  line_.clear();
  if (!answer) return;
  waits_for_answer_ = true;
  terminal_.say("\r\n");
  send({.command = *answer, .question = shown_->question});
}

}  // namespace yett
