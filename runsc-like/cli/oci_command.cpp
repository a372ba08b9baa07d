#include "runsc-like/cli/oci_command.hpp"

#include <string>

namespace yett {

OciCommandLine::OciCommandLine(const OciUsage& usage, int argc, char** argv,
                               std::size_t words_before_rest)
    : usage_(usage) {
  const std::span<char* const> words(argv + 1, static_cast<std::size_t>(argc - 1));
  const std::string_view first = words.empty() ? "" : words.front();
  if (first == "--help" || first == "-h") {
    print_oci_help(usage);
    ended_ = true;
    return;
  }
  auto parsed = parse_oci_arguments(usage.options, words, words_before_rest);
  if (!parsed) {
    exit_status_ = fail_with(parsed.error(), kOciFailure);
    ended_ = true;
    return;
  }
  arguments_ = std::move(*parsed);
}

bool OciCommandLine::good(std::size_t fewest, std::size_t most) const {
  if (ended_) return false;
  const std::size_t count = arguments_.words().size();
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
