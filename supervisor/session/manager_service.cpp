#include "supervisor/session/manager_service.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/scope_exit.hpp"
#include "supervisor/control/control_server.hpp"
#include "supervisor/control/start_program.hpp"

namespace yett {
namespace {

constexpr int kQueue = 16;

Result<UniqueFd> open_ends() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : std::array{SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);  // threads made later inherit it
  UniqueFd ends(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!ends.valid()) return fail(errno_error("signalfd"));
  return ends;
}

// SECURITY(control-peer): nobody else can connect even before the first look at who does.
Result<UniqueFd> listen_at(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(request_error("--socket " + path, "is no path for a socket",
                              "1 to 107 characters; a shorter directory"));
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return fail(errno_error("socket", path));
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int problem = bound == 0 ? 0 : errno;
  ::umask(before);
  if (problem == EADDRINUSE)
    return fail(request_error("--socket " + path, "there is something already",
                              "remove it, unless another yett uapi-shell listens there"));
  if (problem != 0) return fail(errno_error(problem, "bind", path));
  if (::listen(socket.get(), kQueue) == 0) return socket;
  ::unlink(path.c_str());
  return fail(errno_error("listen", path));
}

}  // namespace

Status serve_manager(const std::string& path, const SandboxPlan& plan,
                     const std::function<std::vector<std::string>(const InsteadOf&)>& words) {
  YETT_TRY(const UniqueFd ends, open_ends());
  YETT_TRY(const UniqueFd socket, listen_at(path));
  const ScopeExit gone([&path] { ::unlink(path.c_str()); });
  ControlService service{
      .plan = &plan, .usage = {}, .make_manager = {}, .on_logged = {}, .owner = ::getuid()};
  service.make_manager = [&] {
    return std::make_shared<SandboxManager>(plan, [words](const InsteadOf& wanted) {
      return start_self(words(wanted), wanted.descriptors);
    });
  };
  ControlServer(std::move(service), socket.borrow()).serve(ends.borrow());
  return {};
}

}  // namespace yett
