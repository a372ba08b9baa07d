#include "runsc-like/cli/oci_command.hpp"

#include <fcntl.h>

#include <cstdio>
#include <string>

#include "base/text.hpp"

namespace yett {

void print_oci_help(const OciUsage& usage) {
  const std::string form = "yett " + std::string(usage.command) + " " + std::string(usage.synopsis);
  const std::string examples = "Example:\n  " + std::string(usage.example);
  const CommandHelp help{.description = usage.summary, .usage = form, .examples = examples};
  std::fputs(help_text(help, usage.options).c_str(), stdout);
}

// SECURITY(container-preserved-fds): a number that nobody gave would be one of ours by the time it
// is handed on. Ours are close-on-exec, given ones cannot be.
Result<unsigned> read_preserved_fds(const CommandLine& given) {
  constexpr std::uint64_t kMost = 1024;
  const auto count = parse_decimal(given.value("preserve-fds", "0"), kMost);
  if (!count) return fail(request_error("--preserve-fds", "is no number up to 1024"));
  for (int fd = 3; fd < 3 + static_cast<int>(*count); ++fd)
    if (::fcntl(fd, F_GETFD) != 0)
      return fail(request_error("--preserve-fds",
                                "descriptor " + std::to_string(fd) + " is not open",
                                "give as many as are passed, from 3 on"));
  return static_cast<unsigned>(*count);
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
