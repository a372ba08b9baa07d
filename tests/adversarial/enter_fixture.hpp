// Functions of this test program, run in sandboxes of a yettd of its own.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yett/yett.hpp>

#include <functional>
#include <string>
#include <vector>

#include "tests/adversarial/daemon_fixture.hpp"

namespace yett::test {

class EnterFixture : public DaemonFixture {
 protected:
  static constexpr std::chrono::seconds kPatience{60};

  [[nodiscard]] std::string config() const override {
    return R"(
users = [61234]
[template.warm]
options = ["-m", "64M", "--pids", "20", "-e", "SAID=once"]
pool = 2
users = [61234]
[template.cold]
options = ["-m", "64M", "--pids", "20", "-e", "SAID=once"]
[template.bare]
options = ["--policy", "none"]
[template.brief]
options = ["--time", "300ms"]
)";
  }
  void SetUp() override {
    DaemonFixture::SetUp();
    if (!daemon_ || !daemon_->ready()) return;
    host_.emplace(daemon_->socket());
    yett_set_patience(host_->get(), 60'000);
  }
  void TearDown() override {
    host_.reset();
    DaemonFixture::TearDown();
  }
  // No sandbox of a client's runs any more.
  [[nodiscard]] bool is_idle() const { return daemon_->wait_for_metric("yettd_sandboxes", 0); }

  std::optional<Host> host_;
};

// As the exit status of a process, and else the signal that has ended it, beyond 1000.
inline int outcome_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// False: not within a minute.
inline bool is_readable(int fd) {
  pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 60'000) == 1;
}

}  // namespace yett::test
