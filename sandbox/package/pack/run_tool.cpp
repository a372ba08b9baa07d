#include "sandbox/package/pack/run_tool.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"

namespace yett {
namespace {

constexpr std::size_t kKeptBytes = 2048;

std::optional<std::string> find_program(const std::string& name) {
  if (name.starts_with('/')) return name;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  std::string all(rest);
  all += ":/usr/sbin:/sbin:/usr/bin:/bin";
  for (rest = all; !rest.empty();) {
    const auto colon = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

Result<pid_t> spawn(const std::string& program, const std::vector<std::string>& arguments,
                    BorrowedFd output) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const ScopeExit destroy([&actions] { posix_spawn_file_actions_destroy(&actions); });
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  if (error != 0) return fail(errno_error(error, "start", program));
  return child;
}

}  // namespace

Result<ToolOutcome> run_tool(const std::vector<std::string>& arguments, const std::string& mend,
                             const std::function<void(std::string_view)>& on_output) {
  const auto program = find_program(arguments[0]);
  if (!program) return fail(host_error(arguments[0], "is not installed", mend));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  YETT_TRY(const pid_t child, spawn(*program, arguments, writing.borrow()));
  writing.reset();
  ToolOutcome outcome;
  std::array<char, 4096> part;
  while (true) {
    const ssize_t got = ::read(reading.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    const std::string_view text(part.data(), static_cast<std::size_t>(got));
    if (on_output) on_output(text);
    outcome.last_lines += text;
    if (outcome.last_lines.size() > 2 * kKeptBytes)
      outcome.last_lines.erase(0, outcome.last_lines.size() - kKeptBytes);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return outcome;
}

}  // namespace yett
