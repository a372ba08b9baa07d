// yett: looks the command up and runs it.
#include <fcntl.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "runsc-like/cli/command_table.hpp"
#include "runsc-like/cli/daemon.hpp"
#include "runsc-like/cli/host_run.hpp"
#include "runsc-like/cli/oci_global.hpp"
#include "runsc-like/cli/print_error.hpp"

namespace {

// SECURITY(no-closed-stdio): whatever is opened next, a log perhaps, would get the number that
// errors are written to.
void open_closed_streams() {
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
}

void print_help(std::FILE* out) {
  std::fputs("Usage: yett [GLOBAL OPTIONS] COMMAND [OPTIONS]\n\nCommands:\n", out);
  for (const yett::Command& command : yett::all_commands())
    std::fprintf(out, "  %-10.*s %.*s\n", static_cast<int>(command.name.size()),
                 command.name.data(), static_cast<int>(command.summary.size()),
                 command.summary.data());
  std::fputs(yett::option_lines(yett::kHostOptions).c_str(), out);
  std::fputs(yett::option_lines(yett::oci_global_options()).c_str(), out);
}

// In the lines that engines look for in runc's.
void print_version() { std::fputs("yett version " YETT_VERSION "\nspec: 1.2.0\n", stdout); }

int unknown_command(std::string_view name) {
  std::vector<std::string_view> names;
  for (const yett::Command& command : yett::all_commands()) names.push_back(command.name);
  const auto nearest = yett::nearest_name(name, names);
  const std::string mend =
      nearest ? "did you mean " + std::string(*nearest) + "?" : "see yett --help";
  std::fprintf(stderr, "yett: %s: no such command (%s)\n", yett::escape_for_terminal(name).c_str(),
               mend.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  open_closed_streams();
  yett::keep_command_line(argv);
  if (argc > 0 && yett::is_called_daemon(argv[0])) return yett::run_daemon(argc, argv);
  std::string host;
  const int host_words = yett::read_host_option(argc, argv, host);
  if (host_words < 0) {
    std::fputs("yett: -H: SOCKET is missing (yett -H /run/yettd.sock run ...)\n", stderr);
    return 2;
  }
  argc -= host_words;
  argv += host_words;
  const bool is_named = host_words > 0 && host != "auto";
  if (argc > 1 && (is_named || yett::is_hosts_command(argv[1])))
    if (const std::string socket = yett::choose_host(host); !socket.empty())
      return yett::run_on_host(socket, argc - 1, argv + 1);
  if (argc > 1 && yett::begins_with_oci_globals(argv[1])) {
    const auto words = yett::read_oci_globals({argv + 1, static_cast<std::size_t>(argc - 1)});
    if (!words) return yett::print_error("global options", words.error(), 1);
    argc -= static_cast<int>(*words);
    argv += *words;
  }
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(stdout);
    return 0;
  }
  for (const yett::Command& command : yett::all_commands())
    if (command.name == name) return command.run(argc - 1, argv + 1);
  if (name == "--version" || name == "-v") {
    print_version();
    return 0;
  }
  if (name.empty()) {
    print_help(stderr);
    return 2;
  }
  return unknown_command(name);
}
