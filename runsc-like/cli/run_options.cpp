#include "runsc-like/cli/run_options.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string_view>
#include <variant>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"

namespace yett {
namespace {

constexpr int kOwnFailure = 125;

constexpr const char* kDescription =
    "Run a program that you do not trust.\n\n"
    "IMAGE is a directory, a squashfs or EROFS package (made by `yett pack`), the name of an "
    "imported "
    "image\n(`yett images`), or `host`: the "
    "host's programs,\n"
    "read-only, and nothing else of it. `host` is meant when only a command is given.\n\n"
    "The program sees its own /tmp, /proc and /dev, has no network, no privilege and no way back; "
    "what it\n"
    "asks for beyond its policy is refused and told at the end.";

constexpr const char* kExamples =
    "Examples:\n"
    "  yett run -- python3 -c 'print(6*7)'         a program of the host\n"
    "  yett run --here -- make test                with the current directory, read-only\n"
    "  yett run --here=rw -m 512M --time 30s -- ./build.sh\n"
    "  yett run -v /srv/data:/data:ro app.sqfs     a package; it names its own command\n"
    "  yett run -d --name web app.sqfs             in the background; then yett ps, logs, stop\n"
    "  yett run --dry-run -- true                  the plan as JSON; nothing is started\n\n"
    "Exit status: the program's own; 128+n when signal n ended it; 127 not found, 126 not "
    "executable,\n"
    "125 when yett itself failed.";

constexpr CommandHelp kHelp{.description = kDescription,
                            .usage = "yett run [OPTIONS] [IMAGE] [-- COMMAND [ARG...]]",
                            .examples = kExamples};

std::vector<Option> options_into(RunOptions& into) {
  return {
      {'v', "volume", "SRC:DST[:ro]", "a host directory or file inside, or a volume by its name",
       &into.volumes, "Files"},
      {0, "here", "ro|rw", "the current directory inside, and as the working directory", &into.here,
       "Files", "ro"},
      {0, "overlay", "DIR", "keeps what is written (default: gone with the sandbox)", &into.overlay,
       "Files"},
      {0, "overlay-dirs", "/A,/B,...", "the host's top directories under overlays of their own",
       &into.overlay_dirs, "Files"},
      {0, "image-root", "DIR", "where imported images are kept (default /var/lib/yett)",
       &into.image_root, "Files"},
      {0, "exec-dir", "DIR", "where the package is mounted, with --overlay-dirs", &into.exec_dir,
       "Files"},
      {0, "data-dir", "DIR", "a host directory, writable inside at the same path", &into.data_dir,
       "Files"},

      {'w', "workdir", "DIR", "working directory inside", &into.working_directory, "Process"},
      {'e', "env", "NAME=VALUE", "or NAME, to pass the caller's on", &into.environment, "Process"},
      {0, "env-file", "FILE", "lines of NAME=VALUE", &into.environment_files, "Process"},
      {'u', "user", "UID[:GID]", "inside (default 1000:1000)", &into.user, "Process"},
      {0, "ids", "IDS",
       "one (default), range: rootless, root of the ids of /etc/subuid; or auto: range if there",
       &into.ids, "Process"},
      {0, "name", "NAME", "of the sandbox: for ps, stop, exec, ..., and in the audit log",
       &into.name, "Process"},
      {'i', "interactive", "", "standard input is kept (it always is; for docker's habits)",
       &into.interactive, "Process"},
      {'t', "tty", "", "a terminal of its own (the default when all three are terminals)",
       &into.terminal, "Process"},

      {'d', "detach", "", "in the background, under a supervisor of its own; prints its name",
       &into.detach, "Background"},
      {0, "rm", "", "forget it when it has ended", &into.remove_at_end, "Background"},
      {0, "log", "FILE|DIR", "what it writes (default: kept with its state; see yett logs)",
       &into.log, "Background"},
      {0, "wait", "", "with -d: wait for its end, and end with its status", &into.wait,
       "Background"},
      {0, "root", "DIR", "of the state that ps, logs, stop, ... read (default /run/yett/oci)",
       &into.root, "Background"},
      {0, "template", "NAME", "with yett -H: in a sandbox of this template of yettd's",
       &into.made_of, "Background"},

      {'m', "memory", "SIZE", "memory limit, e.g. 256M", &into.memory, "Limits"},
      {0, "cpus", "NUMBER", "CPU limit, e.g. 1.5", &into.cpus, "Limits"},
      {0, "pids", "COUNT", "limit of processes and threads", &into.pids, "Limits"},
      {0, "time", "DURATION", "wall-clock limit, e.g. 30s; then it is killed (status 137)",
       &into.time, "Limits"},
      {0, "truth", "SOURCE", "what tells it its limits: limits (default), lxcfs, host (nothing)",
       &into.truth, "Limits"},

      {0, "policy", "POLICY", "a policy file, or plugin (the default), container, rvisor, none",
       &into.policy, "Policy"},
      {0, "net", "NETWORK", "none (default) or host", &into.network, "Policy"},
      {0, "publish", "[ADDRESS:]PORT", "the program may listen there, at every address or this one",
       &into.publish, "Policy"},
      {0, "require", "PLANE,...", "no start unless these hold: bpf-lsm,landlock,cgroup-bpf,...",
       &into.require, "Policy"},
      {0, "mode", "MODE", "auto (default: the highest that works), full, rootless or fallback",
       &into.mode, "Policy"},

      {0, "audit", "FILE", "the audit log (JSON lines) is appended to it", &into.audit_file,
       "Reports"},
      {0, "report", "FILE", "a JSON report is written to it at the end", &into.report_file,
       "Reports"},
      {0, "trace", "", "record what mounts, Landlock and limits refuse, too (slow; uses ptrace)",
       &into.trace, "Reports"},
      {0, "stack", "", "with --trace: where in the program each refused call was made", &into.stack,
       "Reports"},
      {0, "dry-run", "", "print the plan as JSON and start nothing", &into.dry_run, "Reports"},
  };
}

ParseEnd tell(const std::string& problem) {
  std::fprintf(stderr, "yett: run: %s (see yett run --help)\n",
               escape_for_terminal(problem).c_str());
  return {kOwnFailure};
}

// The image, when one is named.
std::expected<std::string, std::string> take_image(const std::vector<std::string>& places) {
  if (places.size() > 1)
    return std::unexpected(
        "more than one IMAGE given; the command comes after --: yett run [IMAGE] -- COMMAND "
        "ARG...");
  if (!places.empty() && places[0].empty()) return std::unexpected("IMAGE: its name is empty");
  return places.empty() ? "" : places[0];
}

// Options that mean something only together.
std::optional<std::string> check_background(const RunOptions& options) {
  if (options.detach && options.terminal)
    return "-d with -t: nobody would sit at that terminal; leave one out, and use yett exec -t";
  if (options.detach && options.dry_run) return "-d with --dry-run: a plan is printed in front";
  if (options.trace && (options.detach || !options.name.empty()))
    return "--trace: only in front and without a name; yett exec would start what is not traced";
  if (options.stack && !options.trace) return "--stack: add --trace";
  if (!options.detach && options.wait) return "--wait: without -d it is waited for anyway";
  if (!options.detach && !options.log.empty())
    return "--log: without -d its output is yours; add -d, or write > FILE";
  return std::nullopt;
}

// What the words say, or what is wrong with them.
std::expected<RunOptions, std::string> taken(RunOptions options, const CommandLine& line) {
  auto image = take_image(line.places);
  if (!image) return std::unexpected(std::move(image).error());
  options.image = *std::move(image);
  if (auto problem = check_background(options)) return std::unexpected(*std::move(problem));
  if (!options.here.empty() && options.here != "ro" && options.here != "rw")
    return std::unexpected("--here=" + options.here + ": wanted ro or rw");
  options.overlay_dirs = split_at_commas(options.overlay_dirs);
  options.require = split_at_commas(options.require);
  return options;
}

}  // namespace

std::optional<std::string> check_prepared(const RunOptions& options) {
  if (options.terminal || options.interactive) return "-t and -i: nobody sits at a template";
  if (options.detach || !options.name.empty() || options.dry_run)
    return "-d, --name and --dry-run are for one run";
  if (options.trace) return "--trace is for one run";
  if (!options.made_of.empty()) return "--template: a template is of none";
  if (!options.command.empty()) return "the program comes with each start: leave -- out";
  return std::nullopt;
}

std::expected<RunOptions, std::string> read_run_options(std::vector<std::string> words) {
  RunOptions options;
  const std::vector<Option> table = options_into(options);
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (std::string& word : words) pointers.push_back(word.data());
  const auto dashes = std::ranges::find(words, "--");
  const auto count = static_cast<std::size_t>(dashes - words.begin());
  if (dashes != words.end()) options.command.assign(dashes + 1, words.end());
  const auto line = parse_command_line(table, std::span(pointers).first(count));
  if (!line) return std::unexpected(line.error());
  if (line->help) return std::unexpected("--help is no option of a template");
  return taken(std::move(options), *line);
}

std::expected<RunOptions, std::string> read_template_options(std::vector<std::string> words) {
  if (std::ranges::find(words, "--") != words.end())
    return std::unexpected("the program comes with each start: leave -- out");
  auto read = read_run_options(std::move(words));
  if (!read) return read;
  if (auto problem = check_prepared(*read)) return std::unexpected(*std::move(problem));
  return read;
}

std::string describe_options(RunOptions options) {
  std::string text = options.image;
  text.push_back('\0');
  for (const Option& option : options_into(options)) {
    const auto add = [&](const std::string& value) {
      text.append(option.name).append("=").append(value).push_back('\0');
    };
    if (const auto* flag = std::get_if<bool*>(&option.target); flag != nullptr && **flag) add("");
    if (const auto* value = std::get_if<std::string*>(&option.target)) add(**value);
    if (const auto* values = std::get_if<std::vector<std::string>*>(&option.target))
      std::ranges::for_each(**values, add);
  }
  return text;
}

std::expected<RunOptions, ParseEnd> parse_run_options(int argc, char** argv) {
  return parse_run_options(argc, argv, kHelp);
}

// The command is everything after the first "--", so that no flag of its own is taken for ours.
std::expected<RunOptions, ParseEnd> parse_run_options(int argc, char** argv,
                                                      const CommandHelp& help,
                                                      std::span<const Option> more) {
  RunOptions options;
  std::vector<Option> table = options_into(options);
  table.insert(table.end(), more.begin(), more.end());
  const std::span<char*> words(argv + 1, argv + argc);
  const auto dashes =
      std::ranges::find_if(words, [](std::string_view word) { return word == "--"; });
  if (dashes != words.end()) options.command.assign(dashes + 1, words.end());
  const auto line = parse_command_line(table, {words.begin(), dashes});
  if (!line) return std::unexpected(tell(line.error()));
  if (line->help) {
    std::fputs(help_text(help, table).c_str(), stdout);
    return std::unexpected(ParseEnd{0});
  }
  auto read = taken(std::move(options), *line);
  if (!read) return std::unexpected(tell(read.error()));
  return *std::move(read);
}

}  // namespace yett
