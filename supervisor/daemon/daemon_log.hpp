// What yettd says of itself: lines on standard error, for a terminal or a journal, or JSON.
#pragma once

#include <initializer_list>
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
  void error(std::string_view event, std::initializer_list<Field> fields) const;

 private:
  void write(std::string_view level, std::string_view event,
             std::initializer_list<Field> fields) const;
  LogFormat format_ = LogFormat::text;
};

}  // namespace yett
