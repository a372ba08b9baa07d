#include "supervisor/session/manager_service.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/scope_exit.hpp"
#include "ioctl_uapi/named_socket.hpp"
#include "supervisor/control/control_server.hpp"
#include "supervisor/control/start_program.hpp"

namespace yett {
namespace {

Result<UniqueFd> open_ends() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : std::array{SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);  // threads made later inherit it
  UniqueFd ends(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!ends.valid()) return fail(errno_error("signalfd"));
  return ends;
}

}  // namespace

Status serve_manager(const std::string& path, const SandboxPlan& plan,
                     const std::function<std::vector<std::string>(const InsteadOf&)>& words) {
  YETT_TRY(const UniqueFd ends, open_ends());
  YETT_TRY(const UniqueFd socket, listen_at({.path = path, .asked_by = "--socket " + path}));
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
