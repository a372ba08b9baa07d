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

}  // namespace

Result<double> time_command(const CommandLine& command) {
  static const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::vector<char*> arguments = argument_pointers(command);
  const auto begun = std::chrono::steady_clock::now();
  const pid_t child = start(arguments, nowhere.get(), nowhere.get());
  if (child < 0) return fail(errno_error("fork"));
  const int status = wait_for(child);
  const std::chrono::duration<double, std::micro> elapsed =
      std::chrono::steady_clock::now() - begun;
  if (status != 0) return fail(explain(command, status));
  return elapsed.count();
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
