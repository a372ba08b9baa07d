#include "runsc-like/cli/sandbox_exec.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "runsc-like/sandboxes/exec_client.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"

namespace yett {
namespace {

constexpr int kExecFailure = 125;

// What a program in a sandbox may do is the sandbox's to say.
constexpr std::array<std::string_view, 9> kOnlyContainers{
    "process",  "user",          "additional-gids", "cap",         "apparmor",
    "pid-file", "process-label", "console-socket",  "preserve-fds"};

Result<ExecRequest> make_request(const CommandLine& given) {
  for (const std::string_view option : kOnlyContainers)
    if (given.has(option))
      return fail(request_error("--" + std::string(option),
                                "a program in a sandbox has what the sandbox has",
                                "leave it out; it is for containers of a bundle"));
  const auto& words = given.places;
  if (words.size() < 2)
    return fail(request_error("exec", "no program given", "yett exec ID PROGRAM"));
  ExecRequest request{.argv = {words.begin() + 1, words.end()},
                      .environment = given.all("env"),
                      .working_directory = given.value("cwd"),
                      .terminal = given.has("tty")};
  if (request.terminal && given.has("detach"))
    return fail(request_error("--detach", "with --tty: nobody would sit at that terminal"));
  for (const std::string& entry : request.environment)
    if (entry.find('=') == std::string::npos || entry.starts_with('='))
      return fail(request_error("--env " + escape_for_terminal(entry), "wanted NAME=VALUE"));
  if (!request.working_directory.empty() && !request.working_directory.starts_with('/'))
    return fail(request_error("--cwd " + request.working_directory, "wanted an absolute path"));
  return request;
}

// In the background it has nobody's stdio.
void leave_stdio() {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(nothing, fd);
}

}  // namespace

bool is_sandbox(const std::string& id) {
  const auto found = find_sandbox(oci_store(), id);
  return found && found->state.sandbox;
}

int sandbox_exec(const OciCommandLine& line) {
  const CommandLine& given = line.arguments();
  const auto request = make_request(given);
  if (!request) return line.fail_with(request.error(), kExecFailure);
  const bool detach = given.has("detach");
  const UniqueFd callers_stderr(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  if (detach) leave_stdio();
  const auto outcome = exec_in_sandbox(oci_store(), given.places.front(), *request,
                                       detach ? ExecStay::until_started : ExecStay::until_ended);
  if (detach) ::dup2(callers_stderr.get(), STDERR_FILENO);
  if (!outcome) return line.fail_with(outcome.error(), kExecFailure);
  if (outcome->failure.empty()) return outcome->exit_status;
  return line.fail_with(Error{.kind = ErrorKind::invalid_request, .detail = outcome->failure},
                        outcome->exit_status);
}

}  // namespace yett
