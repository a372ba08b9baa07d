#include "runsc-like/cli/oci_global.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/cli/oci_options.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett {
namespace {

OciGlobals globals;

constexpr std::array kGlobalOptions{
    OciOption{"root", '\0', OptionValue::required, "Directory of the containers' state"},
    OciOption{"log", '\0', OptionValue::required, "File that log lines are appended to"},
    OciOption{"log-format", '\0', OptionValue::required, "text or json"},
    OciOption{"debug", '\0', OptionValue::none, "Log more"},
    OciOption{"systemd-cgroup", '\0', OptionValue::none, "Let systemd make the cgroups"},
    OciOption{"rootless", '\0', OptionValue::required, "Taken and not needed"},
    OciOption{"criu", '\0', OptionValue::required, "Taken and not needed"},
};

std::string now_text() {
  const std::time_t now = ::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

std::string log_line(const char* level, const std::string& message) {
  oci::JsonWriter json;
  if (globals.log_json) {
    json.begin_object().member("level", level).member("msg", message);
    return json.member("time", now_text()).end_object().text() + "\n";
  }
  json.value(message);
  return "time=\"" + now_text() + "\" level=" + level + " msg=" + json.text() + "\n";
}

void append_log(const std::string& line) {
  const UniqueFd file(
      ::open(globals.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600));
  if (!file.valid() || ::write(file.get(), line.data(), line.size()) < 0)
    std::fprintf(stderr, "yett: %s: the log file cannot be written\n", globals.log_file.c_str());
}

std::size_t words_before_command(std::span<char* const> arguments) {
  std::size_t count = 0;
  while (count < arguments.size() && arguments[count][0] == '-') {
    const std::string_view text = arguments[count];
    const bool has_value = text.find('=') != std::string_view::npos || text.ends_with("debug") ||
                           text.ends_with("systemd-cgroup");
    count += has_value ? 1 : 2;
  }
  return std::min(count, arguments.size());
}

}  // namespace

const OciGlobals& oci_globals() { return globals; }

void keep_command_line(char** argv) { globals.command_line = argv; }

bool begins_with_oci_globals(std::string_view word) {
  return std::ranges::any_of(kGlobalOptions, [word](const OciOption& option) {
    const std::size_t at = word.find_first_not_of('-');
    return at != 0 && at != std::string_view::npos &&
           word.substr(at, word.find('=') - at) == option.name;
  });
}

Result<std::size_t> read_oci_globals(std::span<char* const> arguments) {
  const std::size_t count = words_before_command(arguments);
  if (count == 0) return count;
  YETT_TRY(const OciArguments given,
           parse_oci_arguments(kGlobalOptions, arguments.subspan(0, count)));
  globals.given = true;
  globals.root = given.value("root", globals.root);
  globals.log_file = given.value("log");
  globals.debug = given.has("debug");
  globals.systemd_cgroup = given.has("systemd-cgroup");
  const std::string format = given.value("log-format", "text");
  if (format != "text" && format != "json")
    return fail(request_error("--log-format", "is " + format, "text or json"));
  globals.log_json = format == "json";
  return count;
}

int tell_oci_error(const char* command, const Error& error, int exit_status) {
  if (!globals.given) return print_error(command, error, exit_status);
  const std::string line = log_line("error", error.message());
  if (!globals.log_file.empty()) append_log(line);
  const std::string shown = globals.log_file.empty() ? line : error.message() + "\n";
  std::fwrite(shown.data(), 1, shown.size(), stderr);
  return exit_status;
}

void tell_oci_warning(const std::string& text) {
  const std::string line =
      globals.given ? log_line("warning", text) : "yett: " + escape_for_terminal(text) + "\n";
  if (!globals.log_file.empty())
    append_log(line);
  else
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace yett
