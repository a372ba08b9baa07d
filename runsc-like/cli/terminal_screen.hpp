// A terminal that a program has for itself: keys one by one, a screen that is drawn whole, and all
// as it was afterwards, however it ends.
#pragma once

#include <termios.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

class TerminalScreen {
 public:
  // Standard output is one; keys are read where standard input is one, too.
  [[nodiscard]] static Result<TerminalScreen> open();
  TerminalScreen(TerminalScreen&& other) noexcept;
  TerminalScreen& operator=(TerminalScreen&&) = delete;
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;
  ~TerminalScreen();

  struct Size {
    std::size_t width = 80;
    std::size_t height = 24;
  };
  [[nodiscard]] static Size size();
  // `marked`: the line that is shown in reverse.
  [[nodiscard]] Status draw(const std::vector<std::string>& lines, std::size_t marked) const;

  static constexpr int kTime = 0;   // nothing was pressed
  static constexpr int kDraw = -1;  // the screen has another size, or was somebody else's meanwhile
  static constexpr int kEnd = -2;   // a signal asks for it
  // A key, or what else there is.
  [[nodiscard]] int wait(std::chrono::milliseconds time) const;

 private:
  TerminalScreen() = default;
  void enter() const;
  void leave() const;
  [[nodiscard]] int on_signal() const;

  UniqueFd signals_;
  bool has_keys_ = false;
  bool is_open_ = false;
  termios before_{};
};

}  // namespace yett
