#include "runsc-like/cli/oci_life.hpp"

#include <array>
#include <cstdio>

#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"

namespace yett {
namespace {

constexpr std::array kKillOptions{Option{'a', "all", "", "Signal every process of the container"}};
constexpr std::array kDeleteOptions{
    Option{'f', "force", "", "Kill it first; one that is not there is no error"}};
constexpr OciUsage kStateUsage{
    "state", "ID", "Print the state of a container as JSON.", "yett state app1", {}};
constexpr OciUsage kKillUsage{"kill", "[OPTIONS] ID [SIGNAL]",
                              "Send a signal (default TERM) to a container's first process.",
                              "yett kill app1 KILL", kKillOptions};
constexpr OciUsage kDeleteUsage{"delete", "[OPTIONS] ID",
                                "Remove what is kept of a stopped container.",
                                "yett delete --force app1", kDeleteOptions};
constexpr OciUsage kPauseUsage{
    "pause", "ID", "Let every process of a container stand still.", "yett pause app1", {}};
constexpr OciUsage kResumeUsage{
    "resume", "ID", "Let the processes of a paused container go on.", "yett resume app1", {}};
Status print_state(const std::string& id) {
  YETT_TRY(const oci::ContainerDirectory directory, oci_store().open(id));
  YETT_TRY(const oci::ContainerState state, directory.read_state());
  const std::string text =
      indented_json(oci::long_state_document(state, oci::find_status(directory, state)));
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  return {};
}

Status kill(const CommandLine& given) {
  const auto& words = given.places;
  YETT_TRY(const int signal_number, oci::parse_signal(words.size() > 1 ? words[1] : "TERM"));
  return oci::kill_container(oci_store(), words[0], signal_number,
                             given.has("all") ? oci::KillWhom::all : oci::KillWhom::first_process);
}

}  // namespace

int oci_state(int argc, char** argv) {
  const OciCommandLine line(kStateUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(print_state(line.arguments().places.front()));
}

int oci_kill(int argc, char** argv) {
  const OciCommandLine line(kKillUsage, argc, argv);
  if (!line.good(1, 2)) return line.exit_status();
  return line.finish(kill(line.arguments()));
}

int oci_delete(int argc, char** argv) {
  const OciCommandLine line(kDeleteUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  const auto force = line.arguments().has("force") ? oci::DeleteForce::yes : oci::DeleteForce::no;
  const auto deleted = oci::delete_container(oci_store(), line.arguments().places.front(), force);
  if (!deleted) return line.fail_with(deleted.error(), kOciFailure);
  if (!deleted->empty()) tell_oci_warning(*deleted);
  return 0;
}

int oci_pause(int argc, char** argv) {
  const OciCommandLine line(kPauseUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(
      oci::pause_container(oci_store(), line.arguments().places.front(), oci::Pause::freeze));
}

int oci_resume(int argc, char** argv) {
  const OciCommandLine line(kResumeUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(
      oci::pause_container(oci_store(), line.arguments().places.front(), oci::Pause::thaw));
}

}  // namespace yett
