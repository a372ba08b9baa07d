// What yettd and the supervisor of one sandbox say to each other, over a SOCK_SEQPACKET pair that
// nobody else holds: news, questions (grant_protocol.hpp) and the times of calls one way; the
// other, one program for a supervisor that waits in the pool, and then the answers to its
// questions.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/call_times.hpp"
#include "ioctl_uapi/grant_protocol.hpp"

namespace yett {

enum class NewsKind : std::uint32_t {
  waiting,  // the sandbox is ready for a program
  started,  // `pid`: PID 1, `value`: the program; `text`: its cgroups, a line each
  verdict,  // one that was recorded: `plane`, `call`, `text` the object
  ended,    // `value`: the exit status; `text` the reason
  born,  // of a template: the answer to wish `count`; `pid` is the keeper's of an instance, whose
         // pidfd and line come along; without them there is none, for the errno in `value`
};

struct News {
  NewsKind kind = NewsKind::waiting;
  std::int32_t pid = 0;
  std::int32_t value = 0;     // of a verdict: the errno
  std::uint32_t verdict = 0;  // VerdictKind
  std::uint64_t count = 0;
  std::array<char, 24> plane{};
  std::array<char, 32> call{};
  std::array<char, 400> text{};  // ends with NUL
};

struct ProgramWanted {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::array<UniqueFd, 3> descriptors;  // invalid: the null device
  // Of a `yett run`: where it was asked for, and where its report goes (empty: nowhere). Who asked
  // hears of the end when all has been told.
  UniqueFd directory;
  std::optional<std::string> report_file;
  UniqueFd entrance;  // valid: no program, but a function of who is at its other end
};

// The supervisor's end. Invalid: nobody listens.
class SupervisorLine {
 public:
  SupervisorLine() = default;
  explicit SupervisorLine(UniqueFd socket, UniqueFd keeper = {})
      : socket_(std::move(socket)), keeper_(std::move(keeper)) {}
  [[nodiscard]] bool valid() const { return socket_.valid(); }
  // Where the keeper of all the starter's sandboxes takes requests; invalid: each has its own.
  [[nodiscard]] BorrowedFd keeper() const { return keeper_.borrow(); }
  // Never waits: what a daemon does not read, or none is there to read, is kept and told later;
  // verdicts beyond kMostKept are told as one of their plane and kind, their number whole.
  void tell(const News& news) const;
  // The same. A question that is settled before it could be told was none.
  void tell(const GrantReply& question) const;
  // Nothing is kept. False: it was not told.
  [[nodiscard]] bool tell(const CallTimesReport& times) const;
  // Where answers to questions come, once its program has.
  [[nodiscard]] BorrowedFd requests() const { return socket_.borrow(); }
  static constexpr std::size_t kMostKept = 32;
  // Waits for it. target_gone: the daemon has no use for this sandbox any more.
  [[nodiscard]] Result<ProgramWanted> await_program() const;
  // Of a template's supervisor: waits for a wish for an instance, and gives its number. Nothing:
  // the daemon has no use for this template any more.
  [[nodiscard]] std::optional<std::uint64_t> await_wish() const;
  // In the process that has become the keeper of an instance: answers with it, and gives its line.
  [[nodiscard]] Result<UniqueFd> grant_wish(std::uint64_t number) const;
  // There is none, for this errno.
  void refuse_wish(std::uint64_t number, int error) const;

 private:
  template <typename Message>
  [[nodiscard]] bool send(const Message& message) const;
  // What was kept. False: some of it is still.
  [[nodiscard]] bool send_kept() const;
  void keep(const News& news) const;
  void keep(const GrantReply& question) const;
  UniqueFd socket_;
  UniqueFd keeper_;
  mutable std::mutex lock_;  // of what follows
  mutable std::deque<News> kept_;
  mutable std::deque<GrantReply> kept_questions_;
};

// The daemon's end. Nothing: none has come, or the line is over, or it is none of these.
using LineMessage = std::variant<std::monostate, News, GrantReply, CallTimesReport>;
[[nodiscard]] LineMessage read_line(BorrowedFd socket);
// Of those who tell nothing but news.
[[nodiscard]] std::optional<News> read_news(BorrowedFd socket, std::span<int> fds = {});
[[nodiscard]] Status send_wish(BorrowedFd socket, std::uint64_t number);
[[nodiscard]] Status send_program(BorrowedFd socket, const ProgramWanted& wanted);
// Does not wait. False: it was not sent.
[[nodiscard]] bool send_answer(BorrowedFd socket, const GrantRequest& request,
                               BorrowedFd file = {});

}  // namespace yett
