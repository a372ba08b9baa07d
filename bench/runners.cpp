#include "bench/runners.hpp"

#include <unistd.h>

namespace yett::bench {
namespace {

constexpr std::string_view kBenchPrefix = "/bench/";

CommandLine run_native(const Paths& paths, Network /*network*/, const CommandLine& program) {
  CommandLine command = program;
  if (command[0].starts_with(kBenchPrefix))
    command[0] = paths.binaries + "/" + command[0].substr(kBenchPrefix.size());
  return command;
}

void append(CommandLine& command, const CommandLine& more) {
  command.insert(command.end(), more.begin(), more.end());
}

// As bubblewrap's own manual shows it, with every namespace.
CommandLine run_bwrap(const Paths& paths, Network network, const CommandLine& program) {
  CommandLine command{"bwrap", "--unshare-all"};
  if (network == Network::host) command.emplace_back("--share-net");
  append(command, {"--ro-bind", "/usr", "/usr", "--symlink", "usr/lib64", "/lib64", "--symlink",
                   "usr/lib", "/lib", "--symlink", "usr/bin", "/bin", "--tmpfs", "/tmp", "--dev",
                   "/dev", "--proc", "/proc"});
  if (program[0].starts_with(kBenchPrefix))
    append(command, {"--ro-bind", paths.binaries, "/bench"});
  for (const Volume& volume : paths.volumes)
    append(command, {volume.writable ? "--bind" : "--ro-bind", volume.source, volume.destination});
  append(command, program);
  return command;
}

CommandLine run_yett(const Paths& paths, Network network, const CommandLine& program) {
  CommandLine command{paths.binaries + "/yett", "run"};
  if (network == Network::host) append(command, {"--net", "host", "--policy", paths.policy});
  if (program[0].starts_with(kBenchPrefix)) append(command, {"-v", paths.binaries + ":/bench:ro"});
  for (const Volume& volume : paths.volumes)
    append(command,
           {"-v", volume.source + ":" + volume.destination + (volume.writable ? "" : ":ro")});
  command.emplace_back("--");
  append(command, program);
  return command;
}

bool bwrap_is_installed() { return ::access("/usr/bin/bwrap", X_OK) == 0; }

}  // namespace

std::optional<Volume> parse_volume(const std::string& text) {
  const bool writable = !text.ends_with(":ro");
  const std::string names = writable ? text : text.substr(0, text.size() - 3);
  const std::size_t colon = names.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == names.size()) return std::nullopt;
  return Volume{names.substr(0, colon), names.substr(colon + 1), writable};
}

std::vector<Runner> find_runners(const Paths& paths) {
  std::vector<Runner> runners{{"native", run_native, "/dev/shm"}};
  if (bwrap_is_installed()) runners.push_back({"bwrap", run_bwrap, "/tmp"});
  if (::access((paths.binaries + "/yett").c_str(), X_OK) == 0)
    runners.push_back({"yett", run_yett, "/tmp"});
  return runners;
}

}  // namespace yett::bench
