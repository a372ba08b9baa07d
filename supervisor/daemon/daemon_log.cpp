#include "supervisor/daemon/daemon_log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {
void DaemonLog::info(std::string_view event, std::initializer_list<Field> fields) const {
  write("info", event, fields);
}

void DaemonLog::error(std::string_view event, std::initializer_list<Field> fields) const {
  write("error", event, fields);
}

void DaemonLog::write(std::string_view level, std::string_view event,
                      std::initializer_list<Field> fields) const {
  std::string line;
  if (format_ == LogFormat::json) {
    line = fmt::format(R"({{"time":"{}","level":"{}","event":{})", time_text_now(), level,
                       json_string(event));
    for (const Field& field : fields)
      line += fmt::format(R"(,"{}":{})", field.name, json_string(field.value));
    line += "}\n";
  } else {
    line = fmt::format("yettd: {}{}", level == "error" ? "error: " : "", event);
    for (const Field& field : fields)
      line += fmt::format(" {}={}", field.name, escape_for_terminal(field.value));
    line += "\n";
  }
  static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
}

}  // namespace yett
