// `yett exec`: one more process in a running container.
#include <linux/capability.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"
#include "runsc-like/cli/sandbox_exec.hpp"
#include "runsc-like/oci/config/names.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/exec.hpp"
#include "runsc-like/oci/life/foreground.hpp"
#include "runsc-like/oci/life/own_executable.hpp"

namespace yett {
namespace {

constexpr std::array kExecOptions{
    Option{'p', "process", "FILE", "File with the process as JSON"},
    Option{'t', "tty", "", "Give it a terminal"},
    Option{'i', "interactive", "", "Standard input is kept (it always is; for docker's habits)"},
    Option{'e', "env", "NAME=VALUE", "NAME=VALUE, beside the container's own"},
    Option{0, "cwd", "DIR", "Working directory inside"},
    Option{'u', "user", "UID[:GID]", "UID[:GID] inside"},
    Option{'g', "additional-gids", "GID", "One more group"},
    Option{'c', "cap", "CAP_NAME", "One more capability, CAP_NAME"},
    Option{0, "no-new-privs", "", "Set no_new_privs"},
    Option{0, "apparmor", "PROFILE", "AppArmor profile"},
    Option{0, "process-label", "LABEL", "SELinux label"},
    Option{'d', "detach", "", "Return when the program was started"},
    Option{0, "pid-file", "FILE", "File to write the pid to"},
    Option{0, "console-socket", "SOCKET", "AF_UNIX socket that gets the terminal's master"},
    Option{0, "preserve-fds", "COUNT", "How many descriptors from 3 on stay open"},
    Option{0, "ignore-paused", "", "Do not refuse in a paused container"},
};

constexpr OciUsage kExecUsage{"exec", "[OPTIONS] ID COMMAND [ARG...]",
                              "Run one more program in a running sandbox or container.",
                              "yett exec --user 1000 app1 ls -l /\n  yett exec -it web sh",
                              kExecOptions};

Result<std::uint32_t> parse_id(std::string_view text) {
  const auto id = parse_decimal(text, UINT32_MAX - 1);
  if (!id) return fail(request_error(std::string(text), "is no user or group number"));
  return static_cast<std::uint32_t>(*id);
}

Status set_user(const CommandLine& given, oci::User& user) {
  const std::string text = given.value("user");
  const std::size_t colon = text.find(':');
  if (!text.empty()) {
    YETT_TRY(user.uid, parse_id(std::string_view(text).substr(0, colon)));
    if (colon != std::string::npos) {
      YETT_TRY(user.gid, parse_id(std::string_view(text).substr(colon + 1)));
    }
  }
  for (const std::string& group : given.all("additional-gids")) {
    YETT_TRY(const std::uint32_t id, parse_id(group));
    user.additional_gids.push_back(id);
  }
  return {};
}

Status add_capabilities(const CommandLine& given, oci::Process& process) {
  for (const std::string& name : given.all("cap")) {
    const auto known = oci::capability_names();
    const auto found = std::ranges::find(known, name, &oci::Named::name);
    if (found == known.end()) return fail(request_error(name, "is no capability's name"));
    if (!process.capabilities) process.capabilities.emplace();
    const std::uint64_t bit = 1ULL << found->value;
    process.capabilities->bounding |= bit;
    process.capabilities->effective |= bit;
    process.capabilities->permitted |= bit;
  }
  return {};
}

// Flags over what the container's own process has.
Result<oci::Process> process_of_flags(const CommandLine& given) {
  const auto& words = given.places;
  YETT_TRY(oci::Process process, oci::default_process(oci_store(), words.front()));
  process.args.assign(words.begin() + 1, words.end());
  process.terminal = given.has("tty");
  process.console_size.reset();
  process.oom_score_adj.reset();
  for (const std::string& entry : given.all("env")) process.env.push_back(entry);
  process.cwd = given.value("cwd", process.cwd);
  process.apparmor_profile = given.value("apparmor", process.apparmor_profile);
  process.selinux_label = given.value("process-label", process.selinux_label);
  process.no_new_privileges |= given.has("no-new-privs");
  YETT_CHECK(set_user(given, process.user));
  YETT_CHECK(add_capabilities(given, process));
  return process;
}

Result<oci::Process> choose_process(const CommandLine& given) {
  if (!given.has("process")) return process_of_flags(given);
  YETT_TRY(const std::string text, oci::read_config_text(given.value("process")));
  YETT_TRY(oci::Process process, oci::parse_process(text, "process.json"));
  process.terminal |= given.has("tty");
  return process;
}

Result<int> exec(const CommandLine& given) {
  YETT_CHECK(oci::leave_writable_executable(oci_globals().command_line));
  YETT_TRY(const oci::Process process, choose_process(given));
  const bool detach = given.has("detach");
  oci::ExecOptions options{.id = given.places.front(),
                           .pid_file = given.value("pid-file"),
                           .console_socket = given.value("console-socket"),
                           .ignore_paused = given.has("ignore-paused")};
  if (process.terminal && detach && options.console_socket.empty())
    return fail(request_error("--detach", "with a terminal needs --console-socket"));
  YETT_TRY(options.preserved_fds, read_preserved_fds(given));
  if (!detach) oci::hold_signals();
  YETT_TRY(oci::ExecutedProcess executed, oci::exec_in_container(oci_store(), options, process));
  if (!executed.warning.empty()) tell_oci_warning(executed.warning);
  if (!detach) return oci::stay_in_foreground(executed.process, std::move(executed.terminal));
  executed.process.leave();
  return 0;
}

}  // namespace

int oci_exec(int argc, char** argv) {
  const OciCommandLine line(kExecUsage, argc, argv, 1);
  if (!line.good(1, SIZE_MAX)) return line.exit_status();
  if (is_sandbox(line.arguments().places.front())) return sandbox_exec(line);
  const Result<int> status = exec(line.arguments());
  return status ? *status : line.fail_with(status.error(), kOciProcessFailure);
}

}  // namespace yett
