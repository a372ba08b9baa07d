#include "runsc-like/oci/life/hooks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <optional>

#include "ioctl_uapi/child_process.hpp"
#include "ioctl_uapi/clone.hpp"

namespace yett::oci {
namespace {

using Clock = std::chrono::steady_clock;

struct HookArrays {
  std::vector<char*> argv;
  std::vector<char*> environment;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void run_child(const Hook& hook, HookArrays& arrays, const HookPlace& place, int input,
                            int errors) {
  constexpr int kNotRun = 127;
  for (int signal_number = 1; signal_number < NSIG; ++signal_number)
    ::signal(signal_number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(input, STDIN_FILENO);
  ::dup2(errors, STDERR_FILENO);
  const bool ready = (!place.process.valid() ||
                      ::setns(place.process.get(), static_cast<int>(place.namespaces)) == 0) &&
                     ::chdir(place.directory.empty() ? "/" : place.directory.c_str()) == 0;
  if (ready) ::execve(hook.path.c_str(), arrays.argv.data(), arrays.environment.data());
  ::dprintf(STDERR_FILENO, "cannot execute: %m");
  ::_exit(kNotRun);
}

using Deadline = std::optional<Clock::time_point>;

Deadline deadline_of(const Hook& hook) {
  if (!hook.timeout) return std::nullopt;
  return Clock::now() + std::chrono::seconds(*hook.timeout);
}

// As poll(2) takes it: -1 for ever.
int milliseconds_to(const Deadline& until) {
  if (!until) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

// Feeds stdin and collects stderr until the hook has closed it or the time is up. False: time.
bool converse(int input, int errors, const std::string& state, const Deadline& until,
              std::string& said) {
  constexpr std::size_t kMostSaid = 4096;
  std::size_t fed = 0;
  if (state.empty()) ::shutdown(input, SHUT_WR);
  for (;;) {
    struct pollfd ready[2] = {
        {.fd = errors, .events = POLLIN, .revents = 0},
        {.fd = fed < state.size() ? input : -1, .events = POLLOUT, .revents = 0}};
    const int wait = milliseconds_to(until);
    if (wait == 0) return false;
    if (::poll(ready, 2, wait) < 0 && errno != EINTR) return true;
    if (ready[1].revents != 0) {
      const ssize_t sent =
          ::send(input, state.data() + fed, state.size() - fed, MSG_NOSIGNAL | MSG_DONTWAIT);
      fed = sent > 0 ? fed + static_cast<std::size_t>(sent) : state.size();
      if (fed == state.size()) ::shutdown(input, SHUT_WR);
    }
    if (ready[0].revents == 0) continue;
    char piece[1024];
    const ssize_t got = ::read(errors, piece, sizeof piece);
    if (got <= 0) return true;
    if (said.size() < kMostSaid) said.append(piece, static_cast<std::size_t>(got));
  }
}

Error hook_error(const Hook& hook, const std::string& kind, std::string detail) {
  return Error{.kind = ErrorKind::system,
               .operation = "error running " + kind + " hook",
               .subject = hook.path,
               .detail = std::move(detail)};
}

std::string ending(int status, const std::string& said) {
  std::string text = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                         : "exit status " + std::to_string(WEXITSTATUS(status));
  if (!said.empty()) text += ", stderr: " + said;
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// The exit, when it comes in time: stderr may close long before.
bool exited_in_time(BorrowedFd process, const Deadline& until) {
  struct pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, milliseconds_to(until)) != 0;
}

Status run_hook(const Hook& hook, const std::string& kind, const std::string& state,
                const HookPlace& place) {
  const std::vector<std::string> path_alone{hook.path};
  HookArrays arrays{pointers(hook.args.empty() ? path_alone : hook.args), pointers(hook.env)};
  int input[2];
  int errors[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) != 0)
    return fail(errno_error("socketpair"));
  const Deadline until = deadline_of(hook);
  const UniqueFd feed(input[0]);
  UniqueFd fed(input[1]);
  if (::pipe2(errors, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  const UniqueFd listen(errors[0]);
  UniqueFd speak(errors[1]);
  const int pid = ::fork();
  if (pid < 0) return fail(errno_error("fork", hook.path));
  if (pid == 0) run_child(hook, arrays, place, fed.get(), speak.get());
  YETT_TRY(UniqueFd pidfd, open_pidfd(pid));
  ChildProcess child(pid, std::move(pidfd));
  fed.reset();
  speak.reset();
  std::string said;
  const bool in_time = converse(feed.get(), listen.get(), state, until, said);
  if (!in_time || !exited_in_time(child.pidfd(), until))
    return fail(
        hook_error(hook, kind, "not done after " + std::to_string(*hook.timeout) + " s, killed"));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  child.leave();
  if (status == 0) return {};
  return fail(hook_error(hook, kind, ending(status, said)));
}

}  // namespace

Status run_hooks(const std::vector<Hook>& hooks, const std::string& kind, const std::string& state,
                 const HookPlace& place) {
  for (const Hook& hook : hooks) YETT_CHECK(run_hook(hook, kind, state, place));
  return {};
}

}  // namespace yett::oci
