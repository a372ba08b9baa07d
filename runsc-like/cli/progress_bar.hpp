// A progress line on stderr, when that is a terminal; nothing otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace yett {

enum class ProgressUnit { bytes, entries };

class ProgressBar {
 public:
  explicit ProgressBar(std::string what, ProgressUnit unit = ProgressUnit::bytes);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();  // wipes the line

  void show(std::uint64_t done, std::uint64_t total);

 private:
  [[nodiscard]] std::string amount(std::uint64_t count) const;

  std::string what_;
  ProgressUnit unit_;
  bool visible_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace yett
