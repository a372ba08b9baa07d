#include "bench/spawn.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/unique_fd.hpp"

namespace yett::bench {
namespace {

std::vector<char*> argument_pointers(const CommandLine& command) {
  std::vector<char*> pointers;
  for (const std::string& argument : command)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

pid_t start(const std::vector<char*>& arguments, int output, int errors) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

Error failed(const CommandLine& command, int status, const std::string& said) {
  const std::string how = WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status));
  return Error{.kind = ErrorKind::system,
               .sys_errno = 0,
               .operation = quoted(command),
               .subject = {},
               .detail = how + (said.empty() ? "" : ": " + said),
               .mend = {}};
}

std::string read_all(int file) {
  std::string text;
  std::array<char, 4096> piece;
  for (ssize_t got = 0; (got = ::read(file, piece.data(), piece.size())) > 0;)
    text.append(piece.data(), static_cast<std::size_t>(got));
  return text;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Runs once more with its words kept, to tell why it failed.
Error explain(const CommandLine& command, int status) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = start(argument_pointers(command), writer.get(), writer.get());
  writer.reset();
  const std::string said = read_all(reader.get());
  wait_for(child);
  return failed(command, status, said);
}

int nowhere() {
  static const UniqueFd opened(::open("/dev/null", O_RDWR | O_CLOEXEC));
  return opened.get();
}

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begun).count();
}

// "{}" in each argument becomes this process's id and a number.
CommandLine with_own_name(CommandLine command) {
  static unsigned started = 0;
  const std::string name = std::to_string(::getpid()) + "-" + std::to_string(started++);
  for (std::string& argument : command)
    if (const std::size_t at = argument.find("{}"); at != std::string::npos)
      argument.replace(at, 2, name);
  return command;
}

}  // namespace

Result<double> time_command(const CommandLine& command) {
  const std::vector<char*> arguments = argument_pointers(command);
  nowhere();
  const auto begun = Clock::now();
  const pid_t child = start(arguments, nowhere(), nowhere());
  if (child < 0) return fail(errno_error("fork"));
  const int status = wait_for(child);
  const double elapsed = microseconds_since(begun);
  if (status != 0) return fail(explain(command, status));
  return elapsed;
}

Result<double> time_at_once(const CommandLine& command, std::size_t count) {
  std::vector<CommandLine> commands(count);
  for (CommandLine& each : commands) each = with_own_name(command);
  if (count == 1) return time_command(commands[0]);
  std::vector<pid_t> children;
  int failure = 0;
  nowhere();
  const auto begun = Clock::now();
  for (const CommandLine& each : commands)
    children.push_back(start(argument_pointers(each), nowhere(), nowhere()));
  for (const pid_t child : children)
    if (const int status = child < 0 ? 1 << 8 : wait_for(child); status != 0) failure = status;
  const double elapsed = microseconds_since(begun);
  if (failure != 0) return fail(explain(with_own_name(command), failure));
  return elapsed / static_cast<double>(count);
}

Result<std::string> output_of(const CommandLine& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = start(argument_pointers(command), writer.get(), STDERR_FILENO);
  writer.reset();
  std::string text = read_all(reader.get());
  const int status = wait_for(child);
  if (status != 0) return fail(failed(command, status, {}));
  return text;
}

std::string quoted(const CommandLine& command) {
  std::string text;
  for (const std::string& argument : command) {
    const bool plain = argument.find_first_of(" '\"\\$*") == std::string::npos;
    text += (text.empty() ? "" : " ") + (plain ? argument : "'" + argument + "'");
  }
  return text;
}

}  // namespace yett::bench
