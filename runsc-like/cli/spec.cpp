#include "runsc-like/cli/spec.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/oci/config/default_spec.hpp"

namespace yett {
namespace {

constexpr const char* kDescription =
    "Write config.json, the configuration of an OCI bundle, to begin from.\n\n"
    "It runs sh in the directory rootfs beside it. A file that is there already is kept.";
constexpr const char* kExamples =
    "Example:\n  mkdir -p box/rootfs && yett spec --bundle box\n  yett spec --rootless\n\n"
    "Exit status: 0 written, 1 failed, 2 wrong command line.";
constexpr CommandHelp kHelp{.description = kDescription,
                            .usage = "yett spec [--bundle DIR] [--rootless]",
                            .examples = kExamples};

Status write_new_file(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.valid()) {
    Error error = errno_error("create", path);
    if (error.sys_errno == EEXIST) error.mend = "remove it first, or choose another --bundle";
    return fail(std::move(error));
  }
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(errno_error("write", path));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

int wrong_usage(const std::string& problem) {
  std::fprintf(stderr, "yett: spec: %s (see: yett spec --help)\n",
               escape_for_terminal(problem).c_str());
  return 2;
}

}  // namespace

int run_spec(int argc, char** argv) {
  std::string bundle = ".";
  bool rootless = false;
  const std::array options{
      Option{'b', "bundle", "DIR", "the bundle's directory (default: this one)", &bundle},
      Option{0, "rootless", "", "for a user without privileges: a user namespace of its own",
             &rootless},
  };
  const auto line = parse_command_line(options, {argv + 1, argv + argc});
  if (line && line->help) {
    std::fputs(help_text(kHelp, options).c_str(), stdout);
    return 0;
  }
  if (!line) return wrong_usage(line.error());
  if (!line->places.empty()) return wrong_usage(line->places[0] + ": no such argument");
  const auto user =
      rootless ? std::optional(oci::Rootless{::geteuid(), ::getegid()}) : std::nullopt;
  const Status written = write_new_file(bundle + "/config.json", oci::make_default_spec(user));
  return written ? 0 : print_error("spec", written.error(), 1);
}

}  // namespace yett
