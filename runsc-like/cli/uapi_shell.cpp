// `yett uapi-shell`: a sandbox whose program may make sandboxes, by ioctl on /dev/yett; or a socket
// over which programs of the host's may.
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "runsc-like/cli/run_report.hpp"
#include "supervisor/session/foreground.hpp"
#include "supervisor/session/manager_service.hpp"

namespace yett {
namespace {

constexpr CommandHelp kHelp{
    .description =
        "Run a program that makes sandboxes of its own: by CREATE, ADD_SELF and REMOVE of "
        "yett/uapi.h,\n"
        "ioctl(2) on /dev/yett. It is confined as by `yett run`, with the same options; what it "
        "makes\n"
        "sandboxes of are directories that it sees read-only. They get the same policy and "
        "limits.\n\n"
        "With --socket a program of the host's makes them instead, of directories of the host, "
        "over\n"
        "a socket that is root's alone. Served until SIGINT or SIGTERM.",
    .usage =
        "yett uapi-shell [OPTIONS] [IMAGE] [-- COMMAND [ARG...]]\n"
        "       yett uapi-shell [OPTIONS] --socket PATH",
    .examples =
        "Examples:\n"
        "  yett uapi-shell -v /srv/roots:/roots:ro -- ./manager /roots/alpine\n"
        "  yett uapi-shell -m 256M --socket /run/manager.sock"};

void add_option(const char* name, const std::string& value, std::vector<std::string>& words) {
  if (!value.empty()) words.insert(words.end(), {name, value});
}

// The command line of one program in a sandbox that was made.
std::vector<std::string> words_for(const RunOptions& options, const InsteadOf& wanted) {
  std::vector<std::string> words{"yett", "run", "--policy", options.policy};
  add_option("-m", options.memory, words);
  add_option("--cpus", options.cpus, words);
  add_option("--pids", options.pids, words);
  add_option("--time", options.time, words);
  add_option("--net", options.network, words);
  add_option("--audit", options.audit_file, words);
  for (const std::string& variable : wanted.environment)
    if (variable.find('=') != std::string::npos) add_option("-e", variable, words);
  words.insert(words.end(), {wanted.directory, "--", wanted.program});
  for (std::size_t i = 1; i < wanted.arguments.size(); ++i) words.push_back(wanted.arguments[i]);
  return words;
}

int tell(const Error& error) { return print_error("uapi-shell", error, kRunFailure); }

Status check(const RunOptions& options, const std::string& socket) {
  if (options.detach || !options.name.empty() || options.dry_run)
    return fail(request_error("-d, --name and --dry-run", "are of yett run",
                              "leave them out: the program stays in front"));
  if (socket.empty()) return {};
  if (!options.command.empty() || !options.image.empty() || !options.volumes.empty())
    return fail(request_error("--socket with an image, a volume or a command",
                              "a program of the host's connects, and is not started here",
                              "leave them out"));
  if (::geteuid() != 0)
    return fail(
        request_error("--socket", "sandboxes for others are root's to make", "run it as root"));
  return {};
}

// Sandboxes of a program's end with it: nobody goes on with them.
Status check_policy(const Policy& policy) {
  if (policy.supervisor_loss == SupervisorLoss::kill) return {};
  return fail(request_error(policy.name + ": [on] supervisor_loss",
                            "whoever makes sandboxes takes them along when it dies",
                            "write \"kill\""));
}

// Each sandbox is planned when its program begins; planned here, too, an impossible policy is told
// at once.
Status serve(RunOptions options, const std::string& socket) {
  options.command = {"true"};
  YETT_TRY(const RunInput input, make_run_input(options));
  YETT_CHECK(check_policy(input.policy));
  YETT_TRY(const SandboxPlan plan, plan_session(input.request, input.policy));
  return serve_manager(socket, plan,
                       [&options](const InsteadOf& wanted) { return words_for(options, wanted); });
}

}  // namespace

int run_uapi_shell(int argc, char** argv) {
  std::string socket;
  const std::array more{Option{0, "socket", "PATH", "listen there for a program of the host's",
                               &socket, "Sandboxes"}};
  const auto options = parse_run_options(argc, argv, kHelp, more);
  if (!options) return options.error().exit_status;
  if (Status checked = check(*options, socket); !checked) return tell(checked.error());
  if (!socket.empty()) {
    const Status served = serve(*options, socket);
    return served ? 0 : tell(served.error());
  }
  auto input = make_run_input(*options);
  if (!input) return tell(input.error());
  if (Status checked = check_policy(input->policy); !checked) return tell(checked.error());
  return tell_run_report(*options, run_session(input->request, std::move(input->policy),
                                               {.audit_file = options->audit_file,
                                                .make_sandboxes = [&](const InsteadOf& wanted) {
                                                  return words_for(*options, wanted);
                                                }}));
}

}  // namespace yett
