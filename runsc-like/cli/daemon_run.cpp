#include "runsc-like/cli/daemon_run.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "runsc-like/cli/run_recorded.hpp"
#include "runsc-like/cli/run_report.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

int tell(const Error& error) { return print_error("run", error, kRunFailure); }

News news_of_start(const StartedSession& started) {
  News news{.kind = NewsKind::started, .pid = started.init_pid, .value = started.app_pid};
  std::string directories;
  for (const std::string& each : started.cgroups) directories += each + "\n";
  copy_text(directories, news.text);
  return news;
}

News news_of_verdict(const AuditRecord& record, std::uint64_t times) {
  News news{.kind = NewsKind::verdict,
            .value = record.error,
            .verdict = static_cast<std::uint32_t>(record.verdict),
            .count = times};
  copy_text(record.plane, news.plane);
  copy_text(record.call, news.call);
  copy_text(record.object, news.text);
  return news;
}

News news_of_end(int status, const char* reason) {
  News news{.kind = NewsKind::ended, .value = status};
  copy_text(reason, news.text);
  return news;
}

Result<ProgramWanted> await_program(const SupervisorLine& line) {
  line.tell({.kind = NewsKind::waiting});
  return line.await_program();
}

InstanceHooks hooks_of_instance(UniqueFd line) {
  const auto own = std::make_shared<SupervisorLine>(std::move(line));
  return {.await_program = [own]() -> Result<InstanceProgram> {
            YETT_TRY(ProgramWanted wanted, await_program(*own));
            return InstanceProgram{.arguments = std::move(wanted.arguments),
                                   .environment = std::move(wanted.environment),
                                   .descriptors = std::move(wanted.descriptors)};
          },
          .on_started =
              [own](int pid, const std::vector<std::string>& cgroups) {
                own->tell(news_of_start({.init_pid = pid, .app_pid = pid, .cgroups = cgroups}));
              },
          .on_ended = [own](int status,
                            const char* reason) { own->tell(news_of_end(status, reason)); }};
}

// The number of a wish is known to the process that is forked for it.
WarmForkHooks hooks_of_template(const SupervisorLine& line) {
  const auto wish = std::make_shared<std::uint64_t>(0);
  return {.ready = [&line] { line.tell({.kind = NewsKind::waiting}); },
          .await_wish =
              [&line, wish] {
                const auto number = line.await_wish();
                *wish = number.value_or(0);
                return number.has_value();
              },
          .begin_instance = [&line, wish]() -> Result<InstanceHooks> {
            YETT_TRY(UniqueFd own, line.grant_wish(*wish));
            return hooks_of_instance(std::move(own));
          },
          .refuse = [&line, wish](int error) { line.refuse_wish(*wish, error); }};
}

// Sandboxes of a client's end with it, and with their supervisor: nobody goes on with them.
Status check_policy(const Policy& policy) {
  if (policy.supervisor_loss == SupervisorLoss::kill) return {};
  return fail(request_error(policy.name + ": [on] supervisor_loss",
                            "sandboxes of yettd end with their supervisor",
                            "write \"kill\", or run it without -H"));
}

// `report_file`: of the `yett run` that a sandbox of the pool becomes; nothing: it becomes none.
SessionOptions options_for(const RunOptions& options, WhenStarted when, const SupervisorLine& line,
                           std::optional<std::string>& report_file) {
  SessionOptions session{.audit_file = options.audit_file};
  session.shared_keeper = line.keeper();
  session.on_started = [&line](const StartedSession& started) -> Status {
    line.tell(news_of_start(started));
    return {};
  };
  session.on_verdict = [&line](const AuditRecord& record, std::uint64_t times) {
    line.tell(news_of_verdict(record, times));
  };
  if (when == WhenStarted::as_template) {
    session.warm_fork = hooks_of_template(line);  // whose receptionist reads the line
    return session;
  }
  session.grant_line = line.requests();
  session.on_question = [&line](const GrantReply& question) { line.tell(question); };
  session.on_call_times = [&line](const CallTimesReport& times) { return line.tell(times); };
  if (when != WhenStarted::when_told) return session;
  session.await_program = [&line, &report_file]() -> Result<WantedProgram> {
    YETT_TRY(ProgramWanted wanted, await_program(line));
    report_file = std::move(wanted.report_file);
    return WantedProgram{.arguments = std::move(wanted.arguments),
                         .environment = std::move(wanted.environment),
                         .descriptors = std::move(wanted.descriptors),
                         .directory = std::move(wanted.directory),
                         .entrance = std::move(wanted.entrance)};
  };
  // But for a `yett run` nobody waits for what is printed at the end.
  session.on_ended = [&line, &report_file](const SandboxOutcome& outcome) {
    if (!report_file) line.tell(news_of_end(outcome.exit_status, end_reason_name(outcome.reason)));
  };
  return session;
}

int run_and_tell(RunOptions options, RunInput input, WhenStarted when, const SupervisorLine& line) {
  std::optional<std::string> report_file;
  const SessionReport report = run_session(input.request, std::move(input.policy),
                                           options_for(options, when, line, report_file));
  if (report_file) options.report_file = *report_file;
  // A sandbox of the pool that is thrown away has nothing to say.
  if (report.failure && report.failure->kind == ErrorKind::target_gone &&
      when == WhenStarted::when_told)
    return 0;
  const int status = tell_run_report(options, report);
  line.tell(news_of_end(status,
                        report.failure ? "launch_failed" : end_reason_name(report.outcome.reason)));
  return status;
}

}  // namespace

int run_under_daemon(const std::vector<std::string>& words, WhenStarted when,
                     const SupervisorLine& line) {
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (std::string& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int argc = static_cast<int>(words.size());
  const auto options = parse_run_options(argc, argv.data());
  if (!options) return options.error().exit_status;
  // With a name it has a record, and sockets, of its own.
  if (is_recorded(*options) || options->dry_run) return run_sandbox(argc, argv.data());
  auto input = make_run_input(*options);
  if (!input) return tell(input.error());
  if (const Status checked = check_policy(input->policy); !checked) return tell(checked.error());
  return run_and_tell(*options, *std::move(input), when, line);
}

}  // namespace yett
