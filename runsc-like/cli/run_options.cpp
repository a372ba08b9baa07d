#include "runsc-like/cli/run_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string_view>

#include "base/text.hpp"

namespace yett {
namespace {

constexpr int kOwnFailure = 125;

constexpr const char* kDescription =
    "Run a program that you do not trust.\n\n"
    "IMAGE is a directory, a squashfs or EROFS package (made by `yett pack`), or `host`: the "
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
    "  yett run --dry-run -- true                  the plan as JSON; nothing is started\n\n"
    "Exit status: the program's own; 128+n when signal n ended it; 127 not found, 126 not "
    "executable,\n"
    "125 when yett itself failed.";

// CLI11 cannot know of the command after "--".
class RunHelp : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: yett run [OPTIONS] [IMAGE] [-- COMMAND [ARG...]]\n";
  }
};

// The command is everything after the first "--": CLI11 must not look for flags in it.
std::vector<std::string> split_command(int& argc, char** argv) {
  const auto dashes = std::find_if(argv + 1, argv + argc,
                                   [](const char* text) { return std::string_view(text) == "--"; });
  if (dashes == argv + argc) return {};
  std::vector<std::string> command(dashes + 1, argv + argc);
  argc = static_cast<int>(dashes - argv);
  return command;
}

void add_image_options(CLI::App& app, RunOptions& options) {
  app.add_option("IMAGE", options.image, "`host`, a directory, or a package (default: host)");
  app.add_option("-v,--volume", options.volumes, "SRC:DST[:ro], a host directory or file inside")
      ->group("Files")
      ->allow_extra_args(false);
  app.add_option(
         "--here", options.here,
         "The current directory is inside, and is the working directory; --here=rw: writable")
      ->expected(0, 1)
      ->default_str("ro")
      ->check(CLI::IsMember({"ro", "rw"}))
      ->group("Files");
  app.add_option("--overlay", options.overlay,
                 "DIR that keeps what is written (default: gone with the sandbox)")
      ->group("Files");
  app.add_option("--overlay-dirs", options.overlay_dirs,
                 "The host's top directories /A,/B,... under overlays of their own")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Files");
  app.add_option("--exec-dir", options.exec_dir,
                 "Where the package is mounted, with --overlay-dirs")
      ->group("Files");
  app.add_option("--data-dir", options.data_dir,
                 "A host directory, writable inside at the same path")
      ->group("Files");
}

void add_process_options(CLI::App& app, RunOptions& options) {
  app.add_option("-w,--workdir", options.working_directory, "Working directory inside")
      ->group("Process");
  app.add_option("-e,--env", options.environment, "NAME=VALUE, or NAME to pass the caller's on")
      ->group("Process")
      ->allow_extra_args(false);
  app.add_option("--env-file", options.environment_files, "File of NAME=VALUE lines")
      ->group("Process")
      ->allow_extra_args(false);
  app.add_option("-u,--user", options.user, "UID[:GID] inside (default 1000:1000)")
      ->group("Process");
  app.add_option("--name", options.name, "Name of the sandbox, in the audit log")->group("Process");
  app.add_flag("-i,--interactive", options.interactive,
               "Keep standard input (always kept; here for docker's habits)")
      ->group("Process");
  app.add_flag("-t,--tty", options.terminal,
               "Give it a terminal of its own (the default when all three are terminals)")
      ->group("Process");
}

void add_limit_options(CLI::App& app, RunOptions& options) {
  app.add_option("-m,--memory", options.memory, "Memory limit, e.g. 256M")->group("Limits");
  app.add_option("--cpus", options.cpus, "CPU limit, e.g. 1.5")->group("Limits");
  app.add_option("--pids", options.pids, "Limit of processes and threads")->group("Limits");
  app.add_option("--time", options.time,
                 "Wall-clock limit, e.g. 30s; then it is killed (status 137)")
      ->group("Limits");
}

void add_policy_options(CLI::App& app, RunOptions& options) {
  app.add_option("--policy", options.policy,
                 "A policy file, or plugin, rvisor, none (default plugin)")
      ->group("Policy");
  app.add_option("--net", options.network, "none (default) or host")->group("Policy");
  app.add_option("--require", options.require,
                 "End the launch unless these hold: bpf-lsm,landlock,cgroup-bpf,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Policy");
  app.add_option("--mode", options.mode, "auto (default) or full")->group("Policy");
}

void add_report_options(CLI::App& app, RunOptions& options) {
  app.add_option("--audit", options.audit_file, "Append the audit log (JSON lines) to FILE")
      ->group("Reports");
  app.add_option("--report", options.report_file, "Write a JSON report to FILE at the end")
      ->group("Reports");
  app.add_flag("--dry-run", options.dry_run, "Print the plan as JSON and start nothing")
      ->group("Reports");
}

// What CLI11 could not place: an option that there is not, or a second image.
int tell_extras(const std::vector<std::string>& extras) {
  for (const std::string& extra : extras) {
    if (!extra.starts_with('-')) continue;
    std::fprintf(stderr, "yett: run: %s: no such option (see yett run --help)\n",
                 escape_for_terminal(extra).c_str());
    return kOwnFailure;
  }
  std::fputs(
      "yett: run: more than one IMAGE given (the command comes after --: yett run [IMAGE] -- "
      "COMMAND ARG...)\n",
      stderr);
  return kOwnFailure;
}

}  // namespace

std::expected<RunOptions, ParseEnd> parse_run_options(int argc, char** argv) {
  RunOptions options;
  CLI::App app(kDescription, "yett run");
  app.formatter(std::make_shared<RunHelp>());
  app.footer(kExamples);
  add_image_options(app, options);
  add_process_options(app, options);
  add_limit_options(app, options);
  add_policy_options(app, options);
  add_report_options(app, options);
  options.command = split_command(argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return std::unexpected(ParseEnd{tell_extras(app.remaining())});
  } catch (const CLI::CallForHelp& help) {
    return std::unexpected(ParseEnd{app.exit(help)});
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "yett: run: %s (see yett run --help)\n", error.what());
    return std::unexpected(ParseEnd{kOwnFailure});
  }
  if (app.count("--here") > 0 && options.here.empty()) options.here = "ro";
  return options;
}

}  // namespace yett
