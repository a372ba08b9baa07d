#include "runsc-like/cli/daemon.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/daemon_run.hpp"
#include "runsc-like/cli/input_file.hpp"
#include "runsc-like/cli/pooled_run.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "sandbox/host/probe.hpp"
#include "supervisor/daemon/daemon.hpp"

namespace yett {
namespace {

constexpr const char* kDefaultConfig = "/etc/yett/yettd.toml";
constexpr std::uint64_t kMostConfig = 1ULL << 20;
constexpr int kFailed = 1;

constexpr CommandHelp kHelp{
    .description =
        "Serve sandboxes to many clients over a socket (`yettd` is the same program by another "
        "name).\n\n"
        "Clients are `yett -H SOCKET run ...` and programs that use libyett. A sandbox belongs to "
        "the user\n"
        "who made it and ends with its connection. What runs for other users than root is what "
        "the\n"
        "configuration has as a template, or what they could run themselves.\n"
        "SIGHUP: the configuration is read again. SIGTERM: programs are asked to end, and the "
        "daemon does.\n"
        "SIGUSR2: the program that is installed now takes its place, and what runs goes on, as it "
        "does for a\n"
        "minute when yettd dies, until the next one is there.",
    .usage = "yett daemon [--config FILE] [--socket PATH]\n       yett daemon --check FILE",
    .examples =
        "Examples:\n"
        "  yett daemon --check /etc/yett/yettd.toml\n"
        "  yettd --socket /run/yettd.sock &\n"
        "  yett -H /run/yettd.sock run -- id"};

int wrong_usage(const std::string& problem) {
  std::fprintf(stderr, "yett: daemon: %s (see yett daemon --help)\n",
               escape_for_terminal(problem).c_str());
  return 2;
}

int tell(const Error& error) { return print_error("daemon", error, kFailed); }

// Whether a sandbox could be made of them: their files are read, too.
std::optional<std::string> check_options(const std::vector<std::string>& words) {
  auto options = read_template_options(words);
  if (!options) return options.error();
  options->command = {"true"};
  options->dry_run = true;  // nothing is unpacked
  const auto input = make_run_input(*options);
  if (!input) return input.error().message();
  if (input->policy.supervisor_loss == SupervisorLoss::kill) return std::nullopt;
  return "sandboxes of yettd end with their supervisor: [on] supervisor_loss must be \"kill\" in " +
         input->policy.name;
}

Result<DaemonConfig> read_config(const std::string& file, const std::string& socket) {
  DaemonConfig config;
  const bool given = !file.empty();
  const std::string path = given ? file : kDefaultConfig;
  if (given || ::access(path.c_str(), F_OK) == 0) {
    YETT_TRY(const std::string text, read_input_file(path, kMostConfig));
    YETT_TRY(config, parse_daemon_config(text, path, check_options));
  }
  if (!socket.empty()) config.socket = socket;
  return config;
}

Status serve(const std::string& file, const std::string& socket) {
  if (::geteuid() != 0)
    return fail(
        request_error("yettd", "sandboxes for others are root's to make", "run it as root"));
  YETT_TRY(const std::string directory, open_runtime_directory());
  return serve_daemon({.read_config = [&] { return read_config(file, socket); },
                       .run = run_under_daemon,
                       .read_run = read_pooled_run,
                       .directory = directory});
}

}  // namespace

int run_daemon(int argc, char** argv) {
  std::string config;
  std::string socket;
  std::string checked;
  const std::array options{
      Option{0, "config", "FILE", "instead of /etc/yett/yettd.toml", &config},
      Option{0, "socket", "PATH", "listen there (default: /run/yett/yettd.sock)", &socket},
      Option{0, "check", "FILE", "tell what is wrong with a configuration, and end", &checked}};
  const auto line = parse_command_line(options, {argv + 1, argv + argc});
  if (line && line->help) {
    std::fputs(help_text(kHelp, options).c_str(), stdout);
    return 0;
  }
  if (!line) return wrong_usage(line.error());
  if (!line->places.empty()) return wrong_usage(line->places[0] + ": no such argument");
  if (!checked.empty()) {
    const auto read = read_config(checked, {});
    if (!read) return tell(read.error());
    std::printf("%s: good, %zu templates\n", checked.c_str(), read->templates.size());
    return 0;
  }
  const Status served = serve(config, socket);
  return served ? 0 : tell(served.error());
}

bool is_called_daemon(const char* name) {
  const char* slash = std::strrchr(name, '/');
  return std::strcmp(slash != nullptr ? slash + 1 : name, "yettd") == 0;
}

}  // namespace yett
