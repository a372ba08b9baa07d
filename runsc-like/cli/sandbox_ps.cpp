// `yett ps`: what runs, and with -a what ran.
#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "runsc-like/cli/daemon_programs.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/oci/state/json_writer.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{Option{'a', "all", "", "Those that have ended, too"},
                              Option{'q', "quiet", "", "Ids only"},
                              Option{0, "no-trunc", "", "Whole commands"},
                              Option{'f', "format", "FORMAT", "table (default) or json"}};
constexpr OciUsage kUsage{"ps", "[OPTIONS] | ID [PS OPTIONS]",
                          "The sandboxes and containers that run, and yettd's programs. With an "
                          "ID: its processes, by the "
                          "host's ps.",
                          "yett ps -a\n  yett ps web -ef", kOptions};

constexpr std::size_t kWidestCommand = 32;

std::string command_text(const oci::ContainerState& state, bool whole) {
  if (!state.sandbox) return escape_for_terminal(state.program);
  std::string text;
  for (const std::string& word : state.sandbox->command) text += (text.empty() ? "" : " ") + word;
  if (!whole && text.size() > kWidestCommand) text = text.substr(0, kWidestCommand - 3) + "...";
  return escape_for_terminal(text);
}

const std::string& image_of(const oci::ContainerState& state) {
  return state.sandbox ? state.sandbox->image : state.bundle;
}

std::string created_text(const oci::ContainerState& state) {
  const auto then = parse_time(state.created);
  return then ? format_age(real_time_ns() - *then) + " ago" : "";
}

// What a yettd that nobody had to name runs for this user: "yettd/7".
std::vector<yett_program_info> daemon_programs() {
  const std::string place = oci_globals().given ? "" : usual_host();
  if (place.empty()) return {};
  auto link = DaemonLink::connect(place);
  if (!link) return {};
  auto programs = read_programs(*link);  // fails where this user is not served
  return programs ? *std::move(programs) : std::vector<yett_program_info>{};
}

std::string id_of(const yett_program_info& program) {
  return "yettd/" + std::to_string(program.program);
}

std::string as_table(const std::vector<ListedSandbox>& listed,
                     const std::vector<yett_program_info>& programs, bool whole) {
  std::vector<std::vector<std::string>> rows{{"ID", "IMAGE", "COMMAND", "CREATED", "STATUS"}};
  for (const ListedSandbox& each : listed)
    rows.push_back({each.state.id, escape_for_terminal(image_of(each.state)),
                    command_text(each.state, whole), created_text(each.state),
                    sandbox_status_text(each)});
  for (const yett_program_info& each : programs) {
    const std::string age = format_age(static_cast<std::int64_t>(each.age_ns));
    rows.push_back({id_of(each), made_of(each), "", age + " ago", "Up " + age});
  }
  return table(rows);
}

std::string as_json(const std::vector<ListedSandbox>& listed,
                    const std::vector<yett_program_info>& programs) {
  oci::JsonWriter json;
  json.begin_array();
  for (const ListedSandbox& each : listed) {
    const oci::ContainerState& state = each.state;
    const bool alive = is_alive(each.status);
    json.begin_object().member("id", state.id);
    json.member("kind", state.sandbox ? "sandbox" : "container").member("image", image_of(state));
    if (state.sandbox) json.member("command", state.sandbox->command);
    json.member("status", sandbox_status_name(each)).member("pid", alive ? state.pid : 0);
    json.member("created", state.created);
    if (each.end)
      json.member("exitStatus", each.end->exit_status)
          .member("reason", each.end->reason)
          .member("finished", each.end->finished);
    json.end_object();
  }
  for (const yett_program_info& each : programs)
    json.begin_object()
        .member("id", id_of(each))
        .member("kind", "program")
        .member("image", made_of(each))
        .member("status", "running")
        .member("pid", each.guard_pid)
        .end_object();
  return json.end_array().text() + "\n";
}

Status ps(const CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format != "table" && format != "json")
    return fail(request_error("--format", "is " + format, "table or json"));
  std::vector<ListedSandbox> listed = list_sandboxes(oci_store());
  if (!given.has("all"))
    std::erase_if(listed, [](const ListedSandbox& each) { return !is_alive(each.status); });
  const auto programs = given.has("quiet") ? std::vector<yett_program_info>{} : daemon_programs();
  std::string text;
  if (given.has("quiet")) {
    for (const ListedSandbox& each : listed) text += each.state.id + "\n";  // what stop, rm take
  } else {
    text = format == "json" ? as_json(listed, programs)
                            : as_table(listed, programs, given.has("no-trunc"));
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

}  // namespace

bool is_sandbox_ps(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--format" || word == "-f" || word == "-format")
      ++i;
    else if (!word.starts_with('-') || word == "--")
      return false;
  }
  return true;
}

int sandbox_ps(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(0, 0)) return line.exit_status();
  return line.finish(ps(line.arguments()));
}

}  // namespace yett
