#include "runsc-like/cli/oci_command.hpp"

#include <cstdio>
#include <string>

namespace yett {

void print_oci_help(const OciUsage& usage) {
  const std::string form = "yett " + std::string(usage.command) + " " + std::string(usage.synopsis);
  const std::string examples = "Example:\n  " + std::string(usage.example);
  const CommandHelp help{.description = usage.summary, .usage = form, .examples = examples};
  std::fputs(help_text(help, usage.options).c_str(), stdout);
}

OciCommandLine::OciCommandLine(const OciUsage& usage, int argc, char** argv,
                               std::size_t words_before_rest)
    : usage_(usage) {
  const std::span<char* const> words(argv + 1, static_cast<std::size_t>(argc - 1));
  auto parsed = parse_command_line(usage.options, words,
                                   {.runcs = true, .places_before_rest = words_before_rest});
  ended_ = !parsed || parsed->help;
  if (!parsed)
    exit_status_ = fail_with(
        request_error({}, parsed.error(), "see yett " + std::string(usage.command) + " --help"),
        kOciFailure);
  else if (parsed->help)
    print_oci_help(usage);
  else
    arguments_ = *std::move(parsed);
}

bool OciCommandLine::good(std::size_t fewest, std::size_t most) const {
  if (ended_) return false;
  const std::size_t count = arguments_.places.size();
  if (count >= fewest && count <= most) return true;
  const std::string synopsis(usage_.synopsis);
  exit_status_ =
      fail_with(request_error({}, count < fewest ? "too few arguments" : "too many arguments",
                              "usage: yett " + std::string(usage_.command) + " " + synopsis),
                kOciFailure);
  return false;
}

int OciCommandLine::finish(const Status& status) const {
  return status ? 0 : fail_with(status.error(), kOciFailure);
}

int OciCommandLine::fail_with(const Error& error, int exit_status) const {
  return tell_oci_error(std::string(usage_.command).c_str(), error, exit_status);
}

}  // namespace yett
