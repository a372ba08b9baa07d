// `yett list` and the OCI form of `ps`.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <sstream>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/oci/state/json_writer.hpp"
#include "sandbox/container/container_cgroup.hpp"

namespace yett {
namespace {

constexpr std::array kListOptions{Option{'f', "format", "FORMAT", "table (default) or json"},
                                  Option{'q', "quiet", "", "Ids only"}};
constexpr std::array kPsOptions{Option{'f', "format", "FORMAT", "table (default) or json"}};

constexpr OciUsage kListUsage{"list", "[OPTIONS]", "The containers below --root.",
                              "yett list --format json", kListOptions};
constexpr OciUsage kPsUsage{"ps", "[OPTIONS] ID [PS OPTIONS]",
                            "The processes of a container, by the host's ps.", "yett ps app1 -ef",
                            kPsOptions};

struct Listed {
  oci::ContainerState state;
  oci::ContainerStatus status;
};

// One that vanishes meanwhile is left out.
std::vector<Listed> all_containers() {
  std::vector<Listed> listed;
  const oci::ContainerStore store = oci_store();
  for (const std::string& id : store.ids()) {
    const auto directory = store.open(id);
    if (!directory) continue;
    auto state = directory->read_state();
    if (!state && state.error().kind != ErrorKind::target_gone)
      tell_oci_warning(state.error().message());
    if (!state) continue;
    const oci::ContainerStatus status = oci::find_status(*directory, *state);
    listed.push_back({std::move(*state), status});
  }
  return listed;
}

std::string as_json(const std::vector<Listed>& listed) {
  if (listed.empty()) return "null";
  std::string text = "[";
  for (const Listed& each : listed) {
    if (text.size() > 1) text += ',';
    text += oci::long_state_document(each.state, each.status);
  }
  return text + "]";
}

std::string as_table(const std::vector<Listed>& listed) {
  std::vector<std::vector<std::string>> rows{{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& [state, status] : listed)
    rows.push_back({state.id,
                    std::to_string(status == oci::ContainerStatus::stopped ? 0 : state.pid),
                    oci::container_status_name(status), escape_for_terminal(state.bundle),
                    state.created, state.owner});
  return table(rows);
}

Status check_format(const CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format == "table" || format == "json") return {};
  return fail(request_error("--format", "is " + format, "table or json"));
}

Status list(const CommandLine& given) {
  YETT_CHECK(check_format(given));
  const std::vector<Listed> listed = all_containers();
  std::string text;
  if (given.has("quiet"))
    for (const Listed& each : listed) text += each.state.id + "\n";
  else
    text = given.value("format") == "json" ? as_json(listed) : as_table(listed);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

// What the host's ps prints with these options.
Result<std::string> host_ps(std::vector<std::string> words) {
  if (words.empty()) words = {"-ef"};
  words.insert(words.begin(), "ps");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe(ends) != 0) return fail(errno_error("pipe"));
  const int pid = ::fork();
  if (pid == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execvp("ps", argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) return fail(host_error("ps", "the host's ps failed"));
  return text;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> fields;
  for (std::string word; words >> word;) fields.push_back(word);
  return fields;
}

// The header and the lines whose PID is one of the container's.
Result<std::string> only_lines_of(const std::string& text, const std::vector<int>& pids) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> header = fields_of(line);
  std::size_t column = 0;
  while (column < header.size() && header[column] != "PID") ++column;
  if (column == header.size()) return fail(request_error("ps", "prints no PID column"));
  std::string kept = line + "\n";
  while (std::getline(lines, line)) {
    const std::vector<std::string> fields = fields_of(line);
    if (column >= fields.size()) continue;
    for (const int pid : pids)
      if (fields[column] == std::to_string(pid)) kept += line + "\n";
  }
  return kept;
}

Status ps(const CommandLine& given) {
  YETT_CHECK(check_format(given));
  YETT_TRY(const oci::ContainerDirectory directory, oci_store().open(given.places.front()));
  YETT_TRY(const oci::ContainerState state, directory.read_state());
  YETT_TRY(std::vector<int> pids, cgroup_processes(state.cgroups));
  std::erase(pids, 0);  // not of this pid namespace
  std::string text;
  if (given.value("format") == "json") {
    oci::JsonWriter json;
    json.begin_array();
    for (const int pid : pids) json.value(pid);
    text = json.end_array().text() + "\n";
  } else {
    YETT_TRY(const std::string all, host_ps({given.places.begin() + 1, given.places.end()}));
    YETT_TRY(text, only_lines_of(all, pids));
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

}  // namespace

int oci_list(int argc, char** argv) {
  const OciCommandLine line(kListUsage, argc, argv);
  if (!line.good(0, 0)) return line.exit_status();
  return line.finish(list(line.arguments()));
}

int oci_ps(int argc, char** argv) {
  const OciCommandLine line(kPsUsage, argc, argv, 1);
  if (!line.good(1, SIZE_MAX)) return line.exit_status();
  return line.finish(ps(line.arguments()));
}

}  // namespace yett
