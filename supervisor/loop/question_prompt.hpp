// Questions on the terminal of `yett run -i`: shown one after another, answered by a line. The
// program's own use of the terminal is held meanwhile; it gets nothing of what is typed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "ioctl_uapi/grant_protocol.hpp"
#include "supervisor/loop/asio.hpp"
#include "supervisor/loop/terminal_relay.hpp"
#include "supervisor/loop/watched_fd.hpp"

namespace yett {

// What a line says; nothing: no answer.
[[nodiscard]] std::optional<GrantCommand> answer_of(std::string_view line);

class QuestionPrompt {
 public:
  // `desk`: a connection of the desk's, as `yett grant` has one; `asked` is rung for each new
  // question. The relay outlives this.
  QuestionPrompt(boost::asio::io_context& io, UniqueFd desk, BorrowedFd asked,
                 TerminalRelay& terminal);
  void start();

 private:
  void watch_bell();
  void watch_desk();
  void send(const GrantRequest& request);
  void look();
  void on_reply(const GrantReply& reply);
  void on_list_end();
  void on_answer_end(int error);
  void on_keys(std::string_view keys);
  void on_line();
  void show();
  void draw_line();
  void tick();
  void close(const char* why);

  UniqueFd desk_fd_;
  WatchedFd desk_;
  WatchedFd bell_;
  TerminalRelay& terminal_;
  boost::asio::steady_timer timer_;
  std::optional<GrantReply> shown_;
  std::optional<GrantReply> first_;  // of a list under way
  std::optional<GrantReply> again_;  // the one that is shown, in that list
  std::string line_;
  std::optional<std::chrono::steady_clock::time_point> deaf_until_;
  bool waits_for_list_ = false;
  bool waits_for_answer_ = false;
  bool rung_meanwhile_ = false;
};

}  // namespace yett
