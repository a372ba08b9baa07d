// What yettd says of itself: lines on standard error, for a terminal or a journal, or JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "supervisor/daemon/daemon_config.hpp"

namespace yett {

class DaemonLog {
 public:
  struct Field {
    std::string_view name;
    std::string value;
  };
  void set_format(LogFormat format) { format_ = format; }
  // Values may be a stranger's: they are escaped.
  void info(std::string_view event, std::initializer_list<Field> fields = {}) const;
  // SECURITY(daemon-log): of one event at most ten lines a second; the next line of it tells how
  // many were left out. Strangers cause some of them.
  void error(std::string_view event, std::initializer_list<Field> fields);

 private:
  struct Spent {
    std::chrono::steady_clock::time_point second;  // when it began
    int lines = 0;
    std::uint64_t left_out = 0;
  };
  void write(std::string_view level, std::string_view event, std::initializer_list<Field> fields,
             std::uint64_t left_out) const;
  LogFormat format_ = LogFormat::text;
  std::map<std::string, Spent, std::less<>> spent_;
};

}  // namespace yett
