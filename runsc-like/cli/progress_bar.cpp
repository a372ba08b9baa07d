#include "runsc-like/cli/progress_bar.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/text.hpp"

namespace yett {

ProgressBar::ProgressBar(std::string what, ProgressUnit unit)
    : what_(std::move(what)), unit_(unit), visible_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

std::string ProgressBar::amount(std::uint64_t count) const {
  return unit_ == ProgressUnit::bytes ? format_size(count) : std::to_string(count);
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total) {
  constexpr std::size_t kWidth = 32;
  const auto now = std::chrono::steady_clock::now();
  if (!visible_ || (now < next_ && done < total)) return;
  next_ = now + std::chrono::milliseconds(100);
  drawn_ = true;
  const double part =
      total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * kWidth);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "\r\x1b[K%s [%s] %3.0f%%  %s of %s", what_.c_str(), bar.c_str(), part * 100,
               amount(done).c_str(), amount(total).c_str());
  std::fflush(stderr);
}

}  // namespace yett
