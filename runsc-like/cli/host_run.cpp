#include "runsc-like/cli/host_run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <span>
#include <string_view>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/daemon_programs.hpp"
#include "runsc-like/cli/host_commands.hpp"
#include "runsc-like/cli/oci_create.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/run.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "runsc-like/cli/run_report.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "supervisor/control/call_memory.hpp"

namespace yett {
namespace {

constexpr std::array kPassedOn{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

// As long as programs outlive yettd, unless it was told otherwise.
constexpr std::chrono::seconds kLongestAbsence{60};
constexpr std::chrono::milliseconds kBetweenTries{20};

int tell(const Error& error) { return print_error("run", error, kRunFailure); }

Result<UniqueFd> open_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : kPassedOn) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd opened(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!opened.valid()) return fail(errno_error("signalfd"));
  return opened;
}

template <typename Struct>
std::vector<std::byte> memory_of_call(const Struct& wanted, const std::string& strings) {
  std::vector<std::byte> memory = memory_of(wanted);
  const auto texts = std::as_bytes(std::span(strings));
  memory.insert(memory.end(), texts.begin(), texts.end());
  return memory;
}

// `yett run`'s words and this process's environment, as a call's memory.
std::vector<std::byte> memory_of_run(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  std::vector<std::string> variables;
  for (char** each = ::environ; *each != nullptr; ++each) variables.emplace_back(*each);
  const std::string strings = join_strings(words) + join_strings(variables);
  yett_run wanted{};
  wanted.size = sizeof wanted;
  wanted.argument_count = static_cast<std::uint32_t>(words.size());
  wanted.environment_count = static_cast<std::uint32_t>(variables.size());
  wanted.strings_size = static_cast<std::uint32_t>(strings.size());
  wanted.strings = sizeof wanted;
  return memory_of_call(wanted, strings);
}

// The caller's value for a name alone, as everywhere.
std::vector<std::string> variables_of(const std::vector<std::string>& given) {
  std::vector<std::string> variables;
  for (const std::string& each : given) {
    const char* value = each.contains('=') ? nullptr : ::getenv(each.c_str());
    if (value != nullptr) variables.push_back(each + "=" + value);
    if (each.contains('=')) variables.push_back(each);
  }
  return variables;
}

std::vector<std::byte> memory_of_spawn(int sandbox, const RunOptions& options) {
  const std::vector<std::string> variables = variables_of(options.environment);
  const std::string strings = join_strings(options.command) + join_strings(variables);
  yett_spawn_call wanted{};
  wanted.size = sizeof wanted;
  wanted.sandbox = sandbox;
  wanted.argument_count = static_cast<std::uint32_t>(options.command.size());
  wanted.environment_count = static_cast<std::uint32_t>(variables.size());
  wanted.strings = sizeof wanted;
  wanted.strings_size = static_cast<std::uint32_t>(strings.size());
  return memory_of_call(wanted, strings);
}

// A template has its options in the configuration; what is left is the program's.
Result<int> begin_of_template(DaemonLink& link, const RunOptions& options) {
  const RunOptions possible{
      .command = options.command, .environment = options.environment, .made_of = options.made_of};
  if (options != possible || options.command.empty())
    return fail(request_error("--template " + options.made_of,
                              "all but -e and a command is the template's",
                              "write yett -H SOCKET run --template " + options.made_of +
                                  " -- COMMAND, and options in yettd.toml"));
  std::vector<std::byte> name(options.made_of.size() + 1);
  std::memcpy(name.data(), options.made_of.c_str(), name.size());
  YETT_TRY(const int sandbox, link.call(YETT_CREATE, 0, name));
  if (sandbox < 0)
    return fail(request_error("--template " + options.made_of, "yettd has none of that name",
                              "see the templates of its configuration, and their users"));
  std::vector<std::byte> memory = memory_of_spawn(sandbox, options);
  YETT_TRY(const int number, link.call(YETT_SPAWN, 0, memory, std::array{0, 1, 2}));
  if (number == -EAGAIN)
    return fail(request_error("--template " + options.made_of,
                              "it is not ready, or there are as many sandboxes as there may be",
                              "try again; the log of yettd says more"));
  if (number < 0) return fail(errno_error(-number, "run", "yettd"));
  return number;
}

Result<int> begin(DaemonLink& link, int argc, char** argv) {
  const UniqueFd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!here.valid()) return fail(errno_error("open", "the working directory"));
  std::vector<std::byte> memory = memory_of_run(argc, argv);
  if (memory.size() > YETT_FRAME_MAX)
    return fail(request_error("run", "its words and the environment are longer than 64 KiB",
                              "unset what is not needed"));
  YETT_TRY(const int number, link.call(YETT_RUN, 0, memory, std::array{0, 1, 2, here.get()}));
  if (number == -EAGAIN)
    return fail(request_error("yettd", "there are as many sandboxes as it may have",
                              "end some, or have [limits] raised in yettd.toml"));
  if (number < 0) return fail(errno_error(-number, "run", "yettd"));
  return number;
}

// What could not be passed on, for yettd had gone, waits for the next one.
class Signals {
 public:
  explicit Signals(UniqueFd opened) : opened_(std::move(opened)) {}
  [[nodiscard]] int fd() const { return opened_.get(); }
  Status pass_on(DaemonLink& link, int program) {
    signalfd_siginfo info{};
    while (::read(opened_.get(), &info, sizeof info) == sizeof info)
      waiting_.push_back(static_cast<int>(info.ssi_signo));
    for (; !waiting_.empty(); waiting_.pop_front()) {
      yett_signal wanted{};
      wanted.size = sizeof wanted;
      wanted.program = program;
      wanted.signal = waiting_.front();
      std::vector<std::byte> memory = memory_of(wanted);
      YETT_TRY([[maybe_unused]] const int sent,
               link.call(YETT_SIGNAL, 0, memory));  // it may have ended
    }
    return {};
  }
  [[nodiscard]] bool are_waiting() const { return !waiting_.empty(); }

 private:
  UniqueFd opened_;
  std::deque<int> waiting_;
};

// Its exit status; target_gone: yettd is.
Result<int> watch_program(DaemonLink& link, Signals& signals, int program) {
  for (;;) {
    std::array<pollfd, 2> watched{{{.fd = link.fd(), .events = POLLIN, .revents = 0},
                                   {.fd = signals.fd(), .events = POLLIN, .revents = 0}}};
    if (!link.has_unasked() && !signals.are_waiting() &&
        ::poll(watched.data(), watched.size(), -1) < 0)
      continue;
    YETT_CHECK(signals.pass_on(link, program));
    if (watched[0].revents == 0 && !link.has_unasked()) continue;
    YETT_TRY(const ControlFrame frame, link.next());
    if (frame.head.command == YETT_ENDED && static_cast<int>(frame.head.argument) == program)
      return frame.head.result;
  }
}

// The program goes on without yettd, until the next one is there.
Result<DaemonLink> come_again(const std::string& socket, int program) {
  const auto until = std::chrono::steady_clock::now() + kLongestAbsence;
  for (;;) {
    auto link = DaemonLink::connect(socket);
    std::vector<std::byte> none;
    auto taken = link ? link->call(YETT_TAKE, static_cast<std::uint64_t>(program), none)
                      : fail(link.error());
    if (taken && *taken == 0) return link;
    if (taken)
      return fail(Error{.kind = ErrorKind::target_gone,
                        .operation = "yettd",
                        .detail = "it has gone, and the sandbox with it"});
    if (std::chrono::steady_clock::now() >= until) return fail(std::move(taken).error());
    ::poll(nullptr, 0, static_cast<int>(kBetweenTries.count()));
  }
}

Result<int> run_to_end(DaemonLink link, const std::string& socket, Signals& signals, int program) {
  for (;;) {
    auto status = watch_program(link, signals, program);
    if (status || status.error().kind != ErrorKind::target_gone) return status;
    YETT_TRY(link, come_again(socket, program));
  }
}

Result<int> run(const std::string& socket, const RunOptions& options, int argc, char** argv) {
  YETT_TRY(UniqueFd opened, open_signals());
  Signals signals(std::move(opened));
  YETT_TRY(DaemonLink link, DaemonLink::connect(socket));
  const bool is_of_template = !options.made_of.empty();
  YETT_TRY(const int program,
           is_of_template ? begin_of_template(link, options) : begin(link, argc, argv));
  return run_to_end(std::move(link), socket, signals, program);
}

bool asks_for_help(int argc, char** argv) {
  for (int i = 1; i < argc && std::strcmp(argv[i], "--") != 0; ++i)
    if (std::strcmp(argv[i], "--help") == 0 || std::strcmp(argv[i], "-h") == 0) return true;
  return false;
}

int run_command(const std::string& socket, int argc, char** argv) {
  if (asks_for_help(argc, argv)) return run_sandbox(argc, argv);
  if (is_oci_run(argc, argv))
    return tell(
        request_error("-H", "a bundle's container is not the daemon's to run", "leave -H out"));
  const auto options = parse_run_options(argc, argv);
  if (!options) return options.error().exit_status;
  const auto status = run(socket, *options, argc, argv);
  return status ? *status : tell(status.error());
}

}  // namespace

std::string choose_host(const std::string& given) {
  const char* variable = ::getenv("YETT_HOST");
  const std::string chosen = !given.empty() ? given : variable != nullptr ? variable : "";
  if (chosen != "auto") return chosen;
  return usual_host();
}

int read_host_option(int argc, char** argv, std::string& socket) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  constexpr std::string_view kLong = "--host=";
  if (word.starts_with(kLong)) return socket = word.substr(kLong.size()), socket.empty() ? -1 : 1;
  if (word != "-H" && word != "--host") return 0;
  if (argc < 3 || argv[2][0] == '\0') return -1;
  socket = argv[2];
  return 2;
}

int run_on_host(const std::string& socket, int argc, char** argv) {
  const std::string_view name = argv[0];
  if (name == "run") return run_command(socket, argc, argv);
  if (name == "ps") return host_ps(socket, argc, argv);
  if (name == "events") return host_events(socket, argc, argv);
  if (name == "kill") return host_kill(socket, argc, argv);
  if (name == "grant") return host_grant(socket, argc, argv);
  if (name == "stats") return stats_of(socket, argc, argv);
  if (name == "top") return top_of(socket, argc, argv);
  std::fprintf(
      stderr,
      "yett: -H: %s is not the daemon's to do (run, ps, stats, top, events, kill and grant are)\n",
      escape_for_terminal(name).c_str());
  return 2;
}

bool is_hosts_command(std::string_view name) {
  return name == "run" || name == "ps" || name == "stats" || name == "top" || name == "events" ||
         name == "kill" || name == "grant";
}

}  // namespace yett
