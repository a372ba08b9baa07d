#include "runsc-like/cli/oci_global.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/own_file.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/oci/state/json_writer.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/host/user_namespace.hpp"

namespace yett {
namespace {

OciGlobals globals;

constexpr std::string_view kGroup = "Options before the command, as runc has them";
constexpr std::array kGlobalOptions{
    Option{0, "root", "DIR", "Directory of the containers' state", {}, kGroup},
    Option{0, "log", "FILE", "File that log lines are appended to", {}, kGroup},
    Option{0, "log-format", "FORMAT", "text or json", {}, kGroup},
    Option{0, "debug", "", "Log more", {}, kGroup},
    Option{0, "systemd-cgroup", "", "Let systemd make the cgroups", {}, kGroup},
    Option{0, "rootless", "auto|true|false", "Taken and not needed", {}, kGroup},
    Option{0, "criu", "PATH", "Taken and not needed", {}, kGroup},
    Option{'v', "version", "", "Print the version of yett and of the specification", {}, kGroup},
};

// Where a user's own directory cannot be had, root's, which refuses everybody else.
std::string default_root() {
  constexpr const char* kRoots = "/run/yett/oci";
  if (::geteuid() == 0 && in_initial_user_namespace()) return kRoots;
  const auto runtime = open_runtime_directory();
  return runtime ? *runtime + "/oci" : kRoots;
}

// What is told instead of a command's work.
bool asks_for_text(std::string_view word) {
  return word == "--help" || word == "-h" || word == "-help" || word == "--version" || word == "-v";
}

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
  const auto file = open_own_file(globals.log_file, OwnFile::appended, "log file");
  if (!file)
    std::fprintf(stderr, "yett: %s\n", escape_for_terminal(file.error().message()).c_str());
  else if (::write(file->get(), line.data(), line.size()) < 0)
    std::fprintf(stderr, "yett: %s: the log file cannot be written\n", globals.log_file.c_str());
}

}  // namespace

// Found when it is first asked for: who becomes root of a namespace later keeps the place.
const OciGlobals& oci_globals() {
  if (globals.root.empty()) globals.root = default_root();
  return globals;
}

std::span<const Option> oci_global_options() { return kGlobalOptions; }

void keep_command_line(char** argv) { globals.command_line = argv; }

bool begins_with_oci_globals(std::string_view word) {
  return std::ranges::any_of(kGlobalOptions, [word](const Option& option) {
    const std::size_t at = word.find_first_not_of('-');
    return at != 0 && at != std::string_view::npos &&
           word.substr(at, word.find('=') - at) == option.name;
  });
}

Result<std::size_t> read_oci_globals(std::span<char* const> arguments) {
  const auto parsed =
      parse_command_line(kGlobalOptions, arguments, {.runcs = true, .places_before_rest = 1});
  if (!parsed) return fail(request_error({}, parsed.error(), "see yett --help"));
  const CommandLine& given = *parsed;
  if (given.help || given.has("version"))
    return static_cast<std::size_t>(std::ranges::find_if(arguments, asks_for_text) -
                                    arguments.begin());
  globals.given = true;
  globals.root = given.value("root", globals.root);
  globals.log_file = given.value("log");
  globals.debug = given.has("debug");
  globals.systemd_cgroup = given.has("systemd-cgroup");
  const std::string format = given.value("log-format", "text");
  if (format != "text" && format != "json")
    return fail(request_error("--log-format", "is " + format, "text or json"));
  globals.log_json = format == "json";
  return arguments.size() - given.places.size();
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
