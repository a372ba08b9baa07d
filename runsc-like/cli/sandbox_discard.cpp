// `yett discard`.
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/sandboxes/redirected_changes.hpp"

namespace yett {
namespace {

constexpr OciUsage kUsage{
    "discard",
    "DIR",
    "Forgets what sandboxes of the fallback mode have written with --overlay DIR. The host's "
    "files\n"
    "were never changed, and are not now.",
    "yett run --mode fallback --here=ro --overlay /var/tmp/try -- make; yett discard /var/tmp/try",
    {}};

Status discard(const std::string& directory) {
  YETT_TRY(const RedirectedChanges kept, RedirectedChanges::open(directory));
  YETT_CHECK(kept.lock());
  return kept.discard();
}

}  // namespace

int sandbox_discard(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(discard(line.arguments().places[0]));
}

}  // namespace yett
