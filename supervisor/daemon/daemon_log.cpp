#include "supervisor/daemon/daemon_log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {
void DaemonLog::info(std::string_view event, std::initializer_list<Field> fields) const {
  write("info", event, fields, 0);
}

void DaemonLog::error(std::string_view event, std::initializer_list<Field> fields) {
  constexpr std::chrono::seconds kWindow{1};
  constexpr int kMostLines = 10;
  Spent& spent = spent_.try_emplace(std::string(event)).first->second;
  const auto now = std::chrono::steady_clock::now();
  if (now - spent.second >= kWindow) {
    spent.second = now;
    spent.lines = 0;
  }
  if (spent.lines == kMostLines) {
    ++spent.left_out;
    return;
  }
  ++spent.lines;
  write("error", event, fields, std::exchange(spent.left_out, 0));
}

void DaemonLog::write(std::string_view level, std::string_view event,
                      std::initializer_list<Field> fields, std::uint64_t left_out) const {
  std::string line;
  if (format_ == LogFormat::json) {
    line = fmt::format(R"({{"time":"{}","level":"{}","event":{})", time_text_now(), level,
                       json_string(event));
    for (const Field& field : fields)
      line += fmt::format(R"(,"{}":{})", field.name, json_string(field.value));
    if (left_out != 0) line += fmt::format(R"(,"left_out":{})", left_out);
    line += "}\n";
  } else {
    line = fmt::format("yettd: {}{}", level == "error" ? "error: " : "", event);
    for (const Field& field : fields)
      line += fmt::format(" {}={}", field.name, escape_for_terminal(field.value));
    if (left_out != 0) line += fmt::format(" left_out={}", left_out);
    line += "\n";
  }
  static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
}

}  // namespace yett
