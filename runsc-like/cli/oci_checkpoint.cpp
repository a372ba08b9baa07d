// `yett checkpoint` and `restore`: what runc gives to CRIU. Nothing drives it here yet, and what is
// missing is said.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"

namespace yett {
namespace {

constexpr OciUsage kCheckpointUsage{
    "checkpoint",
    "ID",
    "Write a running container to files (needs CRIU; not built yet).",
    "yett checkpoint app1",
    {}};
constexpr OciUsage kRestoreUsage{"restore",
                                 "ID",
                                 "Run a container from such files (needs CRIU; not built yet).",
                                 "yett restore app1",
                                 {}};

bool criu_is_installed() {
  const char* variable = std::getenv("PATH");
  std::string_view path = variable != nullptr ? variable : "/usr/sbin:/usr/bin:/sbin:/bin";
  while (!path.empty()) {
    const std::string_view directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(directory.size() + 1, path.size()));
    if (::access((std::string(directory) + "/criu").c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Whatever its options are: there is none that would make it work.
int refuse(const OciUsage& usage, int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--help" || first == "-h") {
    print_oci_help(usage);
    return 0;
  }
  const char* missing = criu_is_installed() ? "driving it is not built yet"
                                            : "is not installed, and driving it is not built yet";
  const Error error = host_error("CRIU", missing);
  return tell_oci_error(std::string(usage.command).c_str(), error, kOciFailure);
}

}  // namespace

int oci_checkpoint(int argc, char** argv) { return refuse(kCheckpointUsage, argc, argv); }
int oci_restore(int argc, char** argv) { return refuse(kRestoreUsage, argc, argv); }

}  // namespace yett
