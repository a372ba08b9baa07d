#include "runsc-like/cli/host_commands.hpp"

#include <signal.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "runsc-like/cli/daemon_programs.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett {
namespace {

constexpr std::array kPsOptions{Option{'f', "format", "FORMAT", "table (default) or json"}};
constexpr OciUsage kPs{"ps", "[OPTIONS]",
                       "The programs that yettd runs for this user; for root, all.",
                       "yett -H /run/yettd.sock ps", kPsOptions};
constexpr OciUsage kEvents{"events",
                           "",
                           "What happens to this user's programs of yettd's (for root, to all), as "
                           "lines of JSON, until it is interrupted.",
                           "yett -H /run/yettd.sock events",
                           {}};
constexpr OciUsage kKill{"kill",
                         "NUMBER [SIGNAL]",
                         "Send a signal (TERM, unless told) to a program of yettd's. KILL ends its "
                         "sandbox.",
                         "yett -H /run/yettd.sock kill 7 USR1",
                         {}};

std::string as_table(const std::vector<yett_program_info>& programs) {
  std::vector<std::vector<std::string>> rows{
      {"NUMBER", "USER", "OF", "STARTED", "PID", "MEMORY", "PROCESSES", "REFUSED"}};
  for (const yett_program_info& each : programs)
    rows.push_back({std::to_string(each.program), std::to_string(each.owner), made_of(each),
                    format_age(static_cast<std::int64_t>(each.age_ns)) + " ago",
                    std::to_string(each.guard_pid), format_size(each.memory_bytes),
                    std::to_string(each.process_count), std::to_string(each.refusals)});
  return table(rows);
}

std::string as_json(const std::vector<yett_program_info>& programs) {
  oci::JsonWriter json;
  json.begin_array();
  for (const yett_program_info& each : programs)
    json.begin_object()
        .member("number", each.program)
        .member("user", each.owner)
        .member("of", made_of(each))
        .member("warm", each.warm != 0)
        .member("pid", each.guard_pid)
        .member("memory", each.memory_bytes)
        .member("processes", each.process_count)
        .member("refusals", each.refusals)
        .end_object();
  return json.end_array().text() + "\n";
}

Status ps(const std::string& socket, const CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format != "table" && format != "json")
    return fail(request_error("--format", "is " + format, "table or json"));
  YETT_TRY(DaemonLink link, DaemonLink::connect(socket));
  YETT_TRY(const std::vector<yett_program_info> programs, read_programs(link));
  const std::string text = format == "json" ? as_json(programs) : as_table(programs);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

std::string text_of(int program, const yett_event_data& event) {
  const auto bounded = [](const auto& field) {
    return std::string(static_cast<const char*>(field), ::strnlen(field, sizeof field));
  };
  oci::JsonWriter json;
  json.begin_object().member("time", time_text_now()).member("program", program);
  switch (event.kind) {
    case YETT_EVENT_STARTED:
      json.member("event", "started").member("user", event.owner).member("pid", event.value);
      break;
    case YETT_EVENT_REFUSED:
      json.member("event", "refused").member("user", event.owner);
      json.member("plane", bounded(event.plane)).member("call", bounded(event.call));
      json.member("object", bounded(event.text)).member("error", event.value);
      json.member("count", event.count);
      break;
    case YETT_EVENT_ENDED:
      json.member("event", "ended").member("user", event.owner);
      json.member("status", event.value).member("reason", bounded(event.text));
      break;
    case YETT_EVENT_ASKED:
      json.member("event", "asked").member("user", event.owner);
      json.member("question", event.count).member("call", bounded(event.call));
      json.member("access", std::string(event.value == YETT_GRANT_WRITE ? "write" : "read"));
      json.member("object", bounded(event.text));
      break;
    case YETT_EVENT_SETTLED:
      json.member("event", "settled").member("user", event.owner);
      json.member("question", event.count).member("error", event.value);
      break;
    default:
      json.member("event", "lost").member("count", event.count);
      break;
  }
  return json.end_object().text() + "\n";
}

Status events(const std::string& socket) {
  YETT_TRY(DaemonLink link, DaemonLink::connect(socket));
  std::vector<std::byte> none;
  YETT_TRY([[maybe_unused]] const int answer, link.call(YETT_EVENTS, 1, none));
  for (;;) {
    YETT_TRY(const ControlFrame frame, link.next());
    if (frame.head.command != YETT_EVENT) continue;
    yett_event_data event{};
    read_back(frame.memory, event);
    const std::string text = text_of(static_cast<int>(frame.head.argument), event);
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      return fail(errno_error("write", "events"));
  }
}

std::optional<int> signal_number(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, int>, 7> kNames{{{"TERM", SIGTERM},
                                                                    {"KILL", SIGKILL},
                                                                    {"INT", SIGINT},
                                                                    {"HUP", SIGHUP},
                                                                    {"QUIT", SIGQUIT},
                                                                    {"USR1", SIGUSR1},
                                                                    {"USR2", SIGUSR2}}};
  if (text.starts_with("SIG")) text.remove_prefix(3);
  for (const auto& [name, number] : kNames)
    if (name == text || std::to_string(number) == text) return number;
  return std::nullopt;
}

Status kill(const std::string& socket, const std::vector<std::string>& words) {
  const auto program = parse_decimal(words[0], INT32_MAX);
  if (!program) return fail(request_error(words[0], "is no number of a program", "see yett ps"));
  const auto number = signal_number(words.size() > 1 ? words[1] : "TERM");
  if (!number)
    return fail(request_error(words[1], "is no signal that is passed on",
                              "TERM, KILL, INT, HUP, QUIT, USR1 or USR2"));
  YETT_TRY(DaemonLink link, DaemonLink::connect(socket));
  yett_signal wanted{};
  wanted.size = sizeof wanted;
  wanted.program = static_cast<int>(*program);
  wanted.signal = *number;
  std::vector<std::byte> memory = memory_of(wanted);
  YETT_TRY(const int answer, link.call(YETT_SIGNAL, 0, memory));
  if (answer == -ENOENT) return fail(request_error(words[0], "there is no such program of yours"));
  return answer < 0 ? fail(errno_error(-answer, "kill", words[0])) : Status();
}

}  // namespace

int host_ps(const std::string& socket, int argc, char** argv) {
  const OciCommandLine line(kPs, argc, argv);
  if (!line.good(0, 0)) return line.exit_status();
  return line.finish(ps(socket, line.arguments()));
}

int host_events(const std::string& socket, int argc, char** argv) {
  const OciCommandLine line(kEvents, argc, argv);
  if (!line.good(0, 0)) return line.exit_status();
  return line.finish(events(socket));
}

int host_kill(const std::string& socket, int argc, char** argv) {
  const OciCommandLine line(kKill, argc, argv);
  if (!line.good(1, 2)) return line.exit_status();
  return line.finish(kill(socket, line.arguments().places));
}

}  // namespace yett
