// `yett uapi-shell`: a sandbox whose program may make sandboxes, by ioctl on /dev/yett.
#include <string>

#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "runsc-like/cli/run_report.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

constexpr CommandHelp kHelp{
    .description =
        "Run a program that makes sandboxes of its own: by CREATE, ADD_SELF and REMOVE of "
        "yett/uapi.h,\n"
        "ioctl(2) on /dev/yett. It is confined as by `yett run`, with the same options; what it "
        "makes\n"
        "sandboxes of are directories that it sees read-only. They get the same policy and limits.",
    .usage = "yett uapi-shell [OPTIONS] [IMAGE] [-- COMMAND [ARG...]]",
    .examples = "Example:\n  yett uapi-shell -v /srv/roots:/roots:ro -- ./manager /roots/alpine"};

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

}  // namespace

int run_uapi_shell(int argc, char** argv) {
  const auto options = parse_run_options(argc, argv, kHelp);
  if (!options) return options.error().exit_status;
  if (options->detach || !options->name.empty() || options->dry_run)
    return print_error("uapi-shell",
                       request_error("-d, --name and --dry-run", "are of yett run",
                                     "leave them out: the program stays in front"),
                       kRunFailure);
  const auto input = make_run_input(*options);
  if (!input) return print_error("uapi-shell", input.error(), kRunFailure);
  return tell_run_report(*options, run_session(input->request, input->policy,
                                               {.audit_file = options->audit_file,
                                                .make_sandboxes = [&](const InsteadOf& wanted) {
                                                  return words_for(*options, wanted);
                                                }}));
}

}  // namespace yett
