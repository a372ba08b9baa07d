// `yett stop`, `rm`, `wait` and `shutdown`.
#include <signal.h>

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "runsc-like/sandboxes/end_sandbox.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;

constexpr Option kTime{'t', "time", "TIME",
                       "How long before SIGKILL: 10 (seconds, the default), 500ms, 1m"};
constexpr Option kSignal{'s', "signal", "SIGNAL", "In place of TERM"};
constexpr std::array kStopOptions{kTime, kSignal};
constexpr std::array kRemoveOptions{
    Option{'f', "force", "", "Kill it first; one that is not there is no error"},
    Option{'a', "all", "", "All that have ended; with --force all there are"}};
constexpr std::array kShutdownOptions{kTime,
                                      Option{0, "rm", "", "Remove them when they have ended"}};

constexpr OciUsage kStopUsage{
    "stop", "[OPTIONS] ID...",
    "End sandboxes or containers: TERM, and KILL for what still runs some time later.",
    "yett stop -t 3 web", kStopOptions};
constexpr OciUsage kRemoveUsage{"rm", "[OPTIONS] ID...",
                                "Forget sandboxes or containers that have ended, and their logs.",
                                "yett rm web\n  yett rm --all", kRemoveOptions};
constexpr OciUsage kWaitUsage{"wait",
                              "ID...",
                              "Wait for the end of sandboxes or containers; print each's status.",
                              "yett wait web",
                              {}};
constexpr OciUsage kShutdownUsage{"shutdown", "[OPTIONS]",
                                  "End every sandbox and container there is below --root.",
                                  "yett shutdown -t 3 --rm", kShutdownOptions};

Result<milliseconds> patience_of(const CommandLine& given) {
  constexpr milliseconds kDay{86'400'000};
  const std::string text = given.value("time", "10");
  const auto patience = parse_duration(text);
  if (patience && *patience <= kDay) return *patience;
  return fail(
      request_error("--time " + text, "wanted a duration of a day at most", "as 10, 500ms or 1m"));
}

// Each id by itself: one that fails does not keep the others from their turn.
template <typename Action>
int for_each(const OciCommandLine& line, const std::vector<std::string>& ids, Action action) {
  int exit_status = 0;
  for (const std::string& id : ids)
    if (const Status done = action(id); !done)
      exit_status = line.fail_with(done.error(), kOciFailure);
    else
      std::printf("%s\n", id.c_str());
  return exit_status;
}

int stop(const OciCommandLine& line) {
  const auto patience = patience_of(line.arguments());
  if (!patience) return line.fail_with(patience.error(), kOciFailure);
  const auto number = oci::parse_signal(line.arguments().value("signal", "TERM"));
  if (!number) return line.fail_with(number.error(), kOciFailure);
  return for_each(line, line.arguments().places, [&](const std::string& id) {
    return stop_sandbox(oci_store(), id, *number, *patience);
  });
}

std::vector<std::string> ids_of(const std::vector<ListedSandbox>& listed, bool also_alive) {
  std::vector<std::string> ids;
  for (const ListedSandbox& each : listed)
    if (also_alive || (!is_alive(each.status) && each.status != oci::ContainerStatus::creating))
      ids.push_back(each.state.id);
  return ids;
}

int remove(const OciCommandLine& line) {
  const CommandLine& given = line.arguments();
  const bool force = given.has("force");
  const auto& words = given.places;
  if (words.empty() != given.has("all"))
    return line.fail_with(
        request_error({}, words.empty() ? "no ID given" : "--all with an ID", "yett rm --help"),
        kOciFailure);
  const auto ids = words.empty() ? ids_of(list_sandboxes(oci_store()), force) : words;
  return for_each(line, ids, [&](const std::string& id) {
    return remove_sandbox(oci_store(), id, force ? RemoveForce::yes : RemoveForce::no);
  });
}

int wait(const OciCommandLine& line) {
  int exit_status = 0;
  for (const std::string& id : line.arguments().places) {
    const auto end = await_sandbox(oci_store(), id);
    if (!end)
      exit_status = line.fail_with(end.error(), kOciFailure);
    else if (*end)
      std::printf("%d\n", (*end)->exit_status);
    else
      std::printf("unknown\n");
    std::fflush(stdout);
  }
  return exit_status;
}

// Told all at once, so that they end side by side; then each is waited for.
int shutdown(const OciCommandLine& line) {
  const auto patience = patience_of(line.arguments());
  if (!patience) return line.fail_with(patience.error(), kOciFailure);
  const oci::ContainerStore store = oci_store();
  const std::vector<ListedSandbox> listed = list_sandboxes(store);
  std::vector<std::string> ids;
  for (const ListedSandbox& each : listed) {
    if (!is_alive(each.status)) continue;
    ids.push_back(each.state.id);
    static_cast<void>(
        oci::kill_container(store, each.state.id, SIGTERM, oci::KillWhom::first_process));
  }
  const bool forget = line.arguments().has("rm");
  if (forget) ids = ids_of(listed, true);
  const auto until = std::chrono::steady_clock::now() + *patience;
  return for_each(line, ids, [&](const std::string& id) -> Status {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    const Status stopped = stop_sandbox(store, id, SIGTERM, std::max(left, milliseconds(0)));
    const bool gone = !stopped && stopped.error().kind == ErrorKind::target_gone;  // it was --rm
    if (!stopped && !gone) return stopped;
    return forget ? remove_sandbox(store, id, RemoveForce::yes) : Status();
  });
}

}  // namespace

int sandbox_stop(int argc, char** argv) {
  const OciCommandLine line(kStopUsage, argc, argv);
  return line.good(1, SIZE_MAX) ? stop(line) : line.exit_status();
}

int sandbox_rm(int argc, char** argv) {
  const OciCommandLine line(kRemoveUsage, argc, argv);
  return line.good(0, SIZE_MAX) ? remove(line) : line.exit_status();
}

int sandbox_wait(int argc, char** argv) {
  const OciCommandLine line(kWaitUsage, argc, argv);
  return line.good(1, SIZE_MAX) ? wait(line) : line.exit_status();
}

int sandbox_shutdown(int argc, char** argv) {
  const OciCommandLine line(kShutdownUsage, argc, argv);
  return line.good(0, 0) ? shutdown(line) : line.exit_status();
}

}  // namespace yett
