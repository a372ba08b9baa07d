#include "runsc-like/cli/run_recorded.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "runsc-like/cli/oci_global.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run_report.hpp"
#include "runsc-like/sandboxes/background.hpp"
#include "runsc-like/sandboxes/log_writer.hpp"
#include "runsc-like/sandboxes/record.hpp"
#include "sandbox/host/probe.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

int tell(const Error& error) { return print_error("run", error, kRunFailure); }

// The supervisor stands in another directory than its caller.
Result<std::string> absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::unique_ptr<char, void (*)(void*)> here(::getcwd(nullptr, 0), ::free);
  if (!here) return fail(errno_error("working directory", path));
  return std::string(here.get()) + "/" + path;
}

Result<std::string> choose_root(const RunOptions& options) {
  YETT_CHECK(open_runtime_directory());  // says what is wrong with it
  return absolute(options.root.empty() ? oci_globals().root : options.root);
}

// --log names a file, or a directory in which each sandbox has its own.
Result<std::string> choose_log(const RunOptions& options, const std::string& root) {
  if (options.log.empty()) return root + "/" + options.name + "/log";
  YETT_TRY(std::string path, absolute(options.log));
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return path;
  return path + "/" + options.name + ".log";
}

// Everything that must be there before the process parts in two, so that its errors are told in
// front.
struct Prepared {
  SandboxRecord record;
  UniqueFd exec_socket;
  UniqueFd control_socket;
  UniqueFd grant_socket;  // of a policy that asks
  UniqueFd swap_socket;
  std::optional<LogFile> log;  // in the background
};

Status open_files(Prepared& prepared, const Policy& policy, const std::string& log) {
  YETT_TRY(prepared.exec_socket, prepared.record.listen_for_exec());
  YETT_TRY(prepared.control_socket, prepared.record.listen_for_control());
  if (policy.supervisor_loss == SupervisorLoss::kill) {  // else the policy stays
    YETT_TRY(prepared.swap_socket, prepared.record.listen_for_swaps());
  }
  if (policy.violation == ViolationAction::ask) {
    YETT_TRY(prepared.grant_socket, prepared.record.listen_for_grants());
  }
  if (log.empty()) return {};
  YETT_TRY(prepared.log, LogFile::open(log));
  return {};
}

Result<Prepared> prepare(const RunOptions& options, const RunInput& input) {
  YETT_TRY(const std::string root, choose_root(options));
  oci::SandboxFacts facts{.image = options.image.empty() ? "host" : options.image,
                          .command = input.request.command,
                          .log = {},
                          .remove_at_end = options.remove_at_end,
                          .layers = {},
                          .overlay = input.request.overlay_dir,
                          .mounts = {}};
  if (!input.request.image_path.empty()) facts.layers = {input.request.image_path};
  if (!input.request.image_layers.empty()) facts.layers = input.request.image_layers;
  if (options.detach) {
    YETT_TRY(facts.log, choose_log(options, root));
  }
  YETT_TRY(SandboxRecord record,
           SandboxRecord::make(oci::ContainerStore(root), options.name, facts));
  Prepared prepared{.record = std::move(record),
                    .exec_socket = UniqueFd(),
                    .control_socket = UniqueFd(),
                    .grant_socket = UniqueFd(),
                    .swap_socket = UniqueFd(),
                    .log = std::nullopt};
  if (Status opened = open_files(prepared, input.policy, facts.log); !opened) {
    static_cast<void>(prepared.record.remove());
    return fail(std::move(opened).error());
  }
  return prepared;
}

SandboxRecord::Started for_record(const StartedSession& started) {
  return {.app = started.app_pid,
          .cgroups = started.cgroups,
          .cgroup_v2 = started.cgroup_v2,
          .cgroup_path = started.cgroup_path,
          .mounts = started.mounts};
}

// The socket is the attendant's alone from here on: when that one is gone, nobody waits for it, but
// for a successor, who has an attendant of its own then.
Status note_started(Prepared& prepared, const StartedSession& started) {
  prepared.exec_socket.reset();
  return prepared.record.started(for_record(started));
}

// A record that cannot be written is no reason to end what runs: it names a supervisor that is no
// more.
void note_adopted(Prepared& prepared, const StartedSession& started) {
  prepared.exec_socket.reset();
  static_cast<void>(prepared.record.adopted(for_record(started)));
}

// Another policy's file is read as the first one's was; the flags go before it, as before that one.
auto reader_of(const RunOptions& options, const RunInput& input) {
  return [&options, &input](const std::string& name, const std::string& text) {
    return read_other_policy(options, input, name, text);
  };
}

// In front, its record is there for as long as it runs: the caller sees how it ended.
int run_in_front(const RunOptions& options, RunInput& input, Prepared prepared) {
  const auto on_started = [&prepared](const StartedSession& started) {
    return note_started(prepared, started);
  };
  const auto on_adopted = [&prepared](const StartedSession& started) {
    note_adopted(prepared, started);
  };
  const SessionReport report = run_session(input.request, std::move(input.policy),
                                           {.on_stepped_down = {},
                                            .audit_file = options.audit_file,
                                            .on_started = on_started,
                                            .on_adopted = on_adopted,
                                            .exec_socket = prepared.exec_socket.borrow(),
                                            .in_attendant = [&] { prepared.swap_socket.reset(); },
                                            .control_socket = prepared.control_socket.borrow(),
                                            .grant_socket = prepared.grant_socket.borrow(),
                                            .swap_socket = prepared.swap_socket.borrow(),
                                            .read_policy = reader_of(options, input)});
  const int status = tell_run_report(options, report);
  const Status removed = prepared.record.remove();
  return removed ? status : tell(removed.error());
}

int stay_in_front(const RunOptions& options, const BackgroundLine& line) {
  for (bool told = false;;) {
    const auto news = line.listen();
    if (!news)
      return tell(Error{.kind = ErrorKind::internal,
                        .subject = options.name,
                        .detail = "its supervisor has died"});
    if (news->event != BackgroundEvent::started) return news->exit_status;
    if (!std::exchange(told, true)) std::printf("%s\n", options.name.c_str());
    std::fflush(stdout);
    if (!options.wait) return 0;
  }
}

// The supervisor's process. Errors of the start go to the caller's stderr, all else to the log.
int supervise_behind(const RunOptions& options, RunInput& input, Prepared prepared,
                     BackgroundLine& line) {
  SandboxRecord& record = prepared.record;
  UniqueFd callers_stderr(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  auto log = LogWriter::start(std::move(*prepared.log));
  const Status taken = log ? log->take_stdio() : fail(log.error());
  if (!taken) return tell(taken.error());
  const auto on_started = [&](const StartedSession& started) -> Status {
    YETT_CHECK(note_started(prepared, started));
    callers_stderr.reset();
    if (::chdir("/") != 0) return fail(errno_error("chdir", "/"));
    line.tell(BackgroundEvent::started, 0);
    return {};
  };
  const auto in_successor = [&] {
    callers_stderr.reset();
    if (::chdir("/") != 0) return;  // cannot fail: it has no link to follow
  };
  // The one before may have died with the word on its lips.
  const auto on_adopted = [&](const StartedSession& started) {
    note_adopted(prepared, started);
    line.tell(BackgroundEvent::started, 0);
  };
  const auto in_attendant = [&] {
    prepared.swap_socket.reset();
    callers_stderr.reset();
    line.close();
  };
  const SessionReport report = run_session(input.request, std::move(input.policy),
                                           {.audit_file = options.audit_file,
                                            .on_started = on_started,
                                            .in_successor = in_successor,
                                            .on_adopted = on_adopted,
                                            .exec_socket = prepared.exec_socket.borrow(),
                                            .in_attendant = in_attendant,
                                            .control_socket = prepared.control_socket.borrow(),
                                            .grant_socket = prepared.grant_socket.borrow(),
                                            .swap_socket = prepared.swap_socket.borrow(),
                                            .read_policy = reader_of(options, input)});
  const bool failed = report.failure.has_value();
  if (failed && callers_stderr.valid()) ::dup2(callers_stderr.get(), STDERR_FILENO);
  const int status = tell_run_report(options, report);
  log->finish();
  const char* reason = failed ? "launch_failed" : end_reason_name(report.outcome.reason);
  static_cast<void>(record.ended(status, reason));
  if (failed || options.remove_at_end) static_cast<void>(record.remove());
  line.tell(failed ? BackgroundEvent::failed : BackgroundEvent::ended, status);
  return status;
}

}  // namespace

bool is_recorded(const RunOptions& options) { return options.detach || !options.name.empty(); }

Status name_recorded(RunOptions& options) {
  if (!options.name.empty()) return {};
  YETT_TRY(options.name, make_sandbox_id());
  return {};
}

int run_recorded(const RunOptions& options, RunInput input) {
  auto prepared = prepare(options, input);
  if (!prepared) return tell(prepared.error());
  if (!options.detach) return run_in_front(options, input, std::move(*prepared));
  auto background = fork_to_background();
  if (!background) {
    static_cast<void>(prepared->record.remove());
    return tell(background.error());
  }
  if (background->in_front) return stay_in_front(options, background->line);
  return supervise_behind(options, input, std::move(*prepared), background->line);
}

}  // namespace yett
