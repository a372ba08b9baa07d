#include "runsc-like/cli/oci_create.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/oci/life/foreground.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "runsc-like/oci/life/own_executable.hpp"

namespace yett {
namespace {

constexpr Option kBundle{'b', "bundle", "DIR", "Directory with config.json (default: here)"};
constexpr Option kConsole{0, "console-socket", "SOCKET",
                          "AF_UNIX socket that gets the terminal's master"};
constexpr Option kPidFile{0, "pid-file", "FILE", "File to write the pid to"};
constexpr Option kNoPivot{0, "no-pivot", "", "Move the root instead of pivoting (initramfs)"};
constexpr Option kNoKeyring{0, "no-new-keyring", "", "Keep the caller's session keyring"};
constexpr Option kPreserve{0, "preserve-fds", "COUNT", "How many descriptors from 3 on stay open"};
constexpr std::array kCreateOptions{kBundle, kConsole, kPidFile, kNoPivot, kNoKeyring, kPreserve};
constexpr std::array kRunOptions{
    kBundle,
    kConsole,
    kPidFile,
    kNoPivot,
    kNoKeyring,
    kPreserve,
    Option{'d', "detach", "", "Return when the program was started"},
    Option{0, "keep", "", "Do not delete the container at its end"},
    Option{0, "no-subreaper", "", "Taken and not needed"},
};

constexpr OciUsage kCreateUsage{"create", "[OPTIONS] ID",
                                "Make a container of a bundle; its program waits for `start`.",
                                "yett create --bundle /srv/app app1", kCreateOptions};
constexpr OciUsage kStartUsage{
    "start", "ID", "Run the program of a created container.", "yett start app1", {}};
constexpr OciUsage kRunUsage{"run", "[OPTIONS] ID",
                             "Create a container of a bundle, start it, and wait for its end.",
                             "yett run --bundle /srv/app app1", kRunOptions};

Result<oci::CreateOptions> take_options(const CommandLine& given) {
  oci::CreateOptions options;
  options.id = given.places.front();
  options.bundle = given.value("bundle", ".");
  options.pid_file = given.value("pid-file");
  options.console_socket = given.value("console-socket");
  options.pivot = !given.has("no-pivot");
  options.new_keyring = !given.has("no-new-keyring");
  YETT_TRY(options.preserved_fds, read_preserved_fds(given));
  options.systemd_cgroup = oci_globals().systemd_cgroup;
  return options;
}

void tell_warnings(const oci::CreatedContainer& container) {
  for (const std::string& warning : container.config.warnings) tell_oci_warning(warning);
}

Status create(const CommandLine& given) {
  YETT_CHECK(oci::leave_writable_executable(oci_globals().command_line));
  YETT_TRY(const oci::CreateOptions options, take_options(given));
  YETT_TRY(oci::CreatedContainer container, oci::create_container(oci_store(), options));
  tell_warnings(container);
  container.process.leave();
  return {};
}

Status forget(const CommandLine& given, oci::CreatedContainer& container) {
  if (given.has("keep")) return {};
  return oci::destroy_container(container.directory, container.state);
}

Result<int> run(const CommandLine& given) {
  YETT_CHECK(oci::leave_writable_executable(oci_globals().command_line));
  YETT_TRY(oci::CreateOptions options, take_options(given));
  const bool detach = given.has("detach");
  options.foreground_terminal = !detach && options.console_socket.empty();
  if (!detach) oci::hold_signals();
  YETT_TRY(oci::CreatedContainer container, oci::create_container(oci_store(), options));
  tell_warnings(container);
  if (Status started = oci::start_created(container); !started) {
    container.process.kill_and_reap();
    static_cast<void>(oci::destroy_container(container.directory, container.state));
    return fail(std::move(started).error());
  }
  if (detach) {
    container.process.leave();
    return 0;
  }
  YETT_TRY(const int status,
           oci::stay_in_foreground(container.process, std::move(container.terminal)));
  YETT_CHECK(forget(given, container));
  return status;
}

constexpr std::array<std::string_view, 9> kOnlyRuncs{
    "--bundle",       "-b",         "--pid-file",       "--console-socket",
    "--preserve-fds", "--no-pivot", "--no-new-keyring", "--keep",
    "--no-subreaper"};

bool is_runcs(std::string_view word) {
  return std::ranges::any_of(kOnlyRuncs, [word](std::string_view option) {
    return word == option ||
           (word.starts_with(option) && word.size() > option.size() && word[option.size()] == '=');
  });
}

}  // namespace

int oci_create(int argc, char** argv) {
  const OciCommandLine line(kCreateUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(create(line.arguments()));
}

int oci_start(int argc, char** argv) {
  const OciCommandLine line(kStartUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(oci::start_container(oci_store(), line.arguments().places.front()));
}

int oci_run(int argc, char** argv) {
  const OciCommandLine line(kRunUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  const Result<int> status = run(line.arguments());
  return status ? *status : line.fail_with(status.error(), kOciFailure);
}

bool is_oci_run(int argc, char** argv) {
  if (oci_globals().given) return true;
  const std::span<char* const> words(argv + 1, static_cast<std::size_t>(argc - 1));
  for (const std::string_view word : words) {
    if (word == "--") return false;
    if (is_runcs(word)) return true;
  }
  const bool one_name = words.size() == 1 && words[0][0] != '-';
  return one_name && std::string_view(words[0]) != "host" && ::access(words[0], F_OK) != 0 &&
         ::access("config.json", R_OK) == 0;
}

}  // namespace yett
