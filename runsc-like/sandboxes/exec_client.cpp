#include "runsc-like/sandboxes/exec_client.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/raw_terminal.hpp"
#include "ioctl_uapi/clone.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"

namespace yett {
namespace {

constexpr int kKilledStatus = 128 + SIGKILL;

// Those that `yett run` in front passes on, and that a terminal's change of size makes.
Result<UniqueFd> hold_signals() {
  sigset_t held;
  ::sigemptyset(&held);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH})
    ::sigaddset(&held, number);
  ::sigprocmask(SIG_BLOCK, &held, nullptr);
  UniqueFd signals(::signalfd(-1, &held, SFD_CLOEXEC));
  if (!signals.valid()) return fail(errno_error("signalfd"));
  return signals;
}

void pass_on(BorrowedFd signals, BorrowedFd stand_in) {
  struct signalfd_siginfo got{};
  if (::read(signals.get(), &got, sizeof got) == sizeof got)
    static_cast<void>(send_signal(stand_in, static_cast<int>(got.ssi_signo)));
}

// The sandbox may end, and everything in it, before anybody can say how.
Result<int> stay(BorrowedFd connection, BorrowedFd signals, BorrowedFd stand_in) {
  for (;;) {
    std::array<struct pollfd, 2> ready{{{.fd = connection.get(), .events = POLLIN, .revents = 0},
                                        {.fd = signals.get(), .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR)
      return fail(errno_error("poll"));
    if (ready[1].revents != 0) pass_on(signals, stand_in);
    if (ready[0].revents == 0) continue;
    const auto news = receive_exec_news(connection);
    return news ? news->exit_status : kKilledStatus;
  }
}

Status check_running(const ListedSandbox& sandbox) {
  const std::string& id = sandbox.state.id;
  if (sandbox.status == oci::ContainerStatus::paused)
    return fail(request_error(id, "cannot exec in a paused sandbox", "yett resume " + id));
  if (is_alive(sandbox.status)) return {};
  return fail(Error{
      .kind = ErrorKind::target_gone, .subject = id, .detail = "cannot exec in a stopped sandbox"});
}

}  // namespace

Result<ExecOutcome> exec_in_sandbox(const oci::ContainerStore& store, const std::string& id,
                                    const ExecRequest& request, ExecStay how_long) {
  YETT_TRY(const ListedSandbox sandbox, find_sandbox(store, id));
  YETT_CHECK(check_running(sandbox));
  YETT_TRY(const oci::ContainerDirectory directory, store.open(id));
  // Held from the beginning, for the program may tell that it is there before its supervisor does.
  YETT_TRY(const UniqueFd signals, hold_signals());
  YETT_TRY(const UniqueFd connection, directory.connect_to_exec());
  YETT_CHECK(send_exec_request(connection.borrow(), request,
                               {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}));
  YETT_TRY(const ExecNews news, receive_exec_news(connection.borrow()));
  if (news.event == ExecEvent::failed)
    return ExecOutcome{.exit_status = news.exit_status, .failure = news.text.data()};
  if (how_long == ExecStay::until_started) return ExecOutcome{};
  // By us, whose terminal it is: the process that carries its bytes is of another session.
  std::optional<RawTerminal> raw;
  if (request.terminal) raw.emplace(BorrowedFd(STDIN_FILENO));
  // It may have ended already: then there is nobody to pass signals on to.
  const auto stand_in = open_pidfd(news.pid);
  YETT_TRY(const int status, stay(connection.borrow(), signals.borrow(),
                                  stand_in ? stand_in->borrow() : BorrowedFd()));
  return ExecOutcome{.exit_status = status, .failure = {}};
}

}  // namespace yett
