#include "supervisor/loop/receive_ticker.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace yett {
namespace {

constexpr long kTickNs = 1'000'000;
thread_local volatile std::sig_atomic_t tick_seen = 0;

int tick_signal() { return SIGRTMIN + 3; }

// Without SA_RESTART: breaking the receive is the handler's whole purpose.
void install_handler() {
  struct sigaction action{};
  action.sa_handler = [](int) { tick_seen = 1; };
  ::sigaction(tick_signal(), &action, nullptr);
  sigset_t tick;
  ::sigemptyset(&tick);
  ::sigaddset(&tick, tick_signal());
  ::pthread_sigmask(SIG_UNBLOCK, &tick, nullptr);
}

}  // namespace

ReceiveTicker::~ReceiveTicker() {
  if (made_) ::timer_delete(timer_);
}

bool ReceiveTicker::make_timer() {
  if (made_) return true;
  install_handler();
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = tick_signal();
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  made_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  return made_;
}

void ReceiveTicker::set_interval(long nanoseconds) {
  const itimerspec every{.it_interval = {0, nanoseconds}, .it_value = {0, nanoseconds}};
  ::timer_settime(timer_, 0, &every, nullptr);
}

bool ReceiveTicker::start() {
  if (running_) return true;
  if (!make_timer()) return false;
  set_interval(kTickNs);
  running_ = true;
  return true;
}

void ReceiveTicker::stop() {
  if (!running_) return;
  set_interval(0);
  running_ = false;
}

bool ReceiveTicker::ticked() {
  const bool seen = tick_seen != 0;
  tick_seen = 0;
  return seen;
}

}  // namespace yett
