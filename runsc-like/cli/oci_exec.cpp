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
    OciOption{"process", 'p', OptionValue::required, "File with the process as JSON"},
    OciOption{"tty", 't', OptionValue::none, "Give it a terminal"},
    OciOption{"interactive", 'i', OptionValue::none,
              "Standard input is kept (it always is; for docker's habits)"},
    OciOption{"env", 'e', OptionValue::required, "NAME=VALUE, beside the container's own"},
    OciOption{"cwd", '\0', OptionValue::required, "Working directory inside"},
    OciOption{"user", 'u', OptionValue::required, "UID[:GID] inside"},
    OciOption{"additional-gids", 'g', OptionValue::required, "One more group"},
    OciOption{"cap", 'c', OptionValue::required, "One more capability, CAP_NAME"},
    OciOption{"no-new-privs", '\0', OptionValue::none, "Set no_new_privs"},
    OciOption{"apparmor", '\0', OptionValue::required, "AppArmor profile"},
    OciOption{"process-label", '\0', OptionValue::required, "SELinux label"},
    OciOption{"detach", 'd', OptionValue::none, "Return when the program was started"},
    OciOption{"pid-file", '\0', OptionValue::required, "File to write the pid to"},
    OciOption{"console-socket", '\0', OptionValue::required,
              "AF_UNIX socket that gets the terminal's master"},
    OciOption{"preserve-fds", '\0', OptionValue::required,
              "How many descriptors from 3 on stay open"},
    OciOption{"ignore-paused", '\0', OptionValue::none, "Do not refuse in a paused container"},
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

Status set_user(const OciArguments& given, oci::User& user) {
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

Status add_capabilities(const OciArguments& given, oci::Process& process) {
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
Result<oci::Process> process_of_flags(const OciArguments& given) {
  const auto& words = given.words();
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

Result<oci::Process> choose_process(const OciArguments& given) {
  if (!given.has("process")) return process_of_flags(given);
  YETT_TRY(const std::string text, oci::read_config_text(given.value("process")));
  YETT_TRY(oci::Process process, oci::parse_process(text, "process.json"));
  process.terminal |= given.has("tty");
  return process;
}

Result<int> exec(const OciArguments& given) {
  YETT_CHECK(oci::leave_writable_executable(oci_globals().command_line));
  YETT_TRY(const oci::Process process, choose_process(given));
  const bool detach = given.has("detach");
  oci::ExecOptions options{.id = given.words().front(),
                           .pid_file = given.value("pid-file"),
                           .console_socket = given.value("console-socket"),
                           .ignore_paused = given.has("ignore-paused")};
  if (process.terminal && detach && options.console_socket.empty())
    return fail(request_error("--detach", "with a terminal needs --console-socket"));
  const auto preserved = parse_decimal(given.value("preserve-fds", "0"), 1024);
  if (!preserved) return fail(request_error("--preserve-fds", "is no number up to 1024"));
  options.preserved_fds = static_cast<unsigned>(*preserved);
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
  if (is_sandbox(line.arguments().words().front())) return sandbox_exec(line);
  const Result<int> status = exec(line.arguments());
  return status ? *status : line.fail_with(status.error(), kOciProcessFailure);
}

}  // namespace yett
