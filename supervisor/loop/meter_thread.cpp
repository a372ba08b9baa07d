#include "supervisor/loop/meter_thread.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "base/signal_free_thread.hpp"

namespace yett {

Result<std::unique_ptr<MeterThread>> MeterThread::start(LookAtMeter look) {
  std::unique_ptr<MeterThread> made(new MeterThread(std::move(look)));
  made->news_.reset(::eventfd(0, EFD_CLOEXEC));
  made->stop_.reset(::eventfd(0, EFD_CLOEXEC));
  if (!made->news_.valid() || !made->stop_.valid()) return fail(errno_error("eventfd"));
  const auto run = [](void* given) -> void* {
    static_cast<MeterThread*>(given)->run();
    return nullptr;
  };
  const int error = start_signal_free(made->thread_, nullptr, run, made.get());
  if (error != 0) return fail(errno_error(error, "start a thread", "meter"));
  made->is_running_ = true;
  return made;
}

std::optional<EndReason> MeterThread::stop() {
  if (std::exchange(is_running_, false)) {
    ::eventfd_write(stop_.get(), 1);
    ::pthread_join(thread_, nullptr);
  }
  return kills_for_;
}

// False: it was stopped.
bool MeterThread::rests(std::chrono::microseconds time) const {
  constexpr long kPerSecond = 1'000'000;
  const timespec rest{.tv_sec = time.count() / kPerSecond,
                      .tv_nsec = time.count() % kPerSecond * 1000};
  pollfd stopped{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  return ::ppoll(&stopped, 1, &rest, nullptr) == 0;
}

void MeterThread::run() {
  constexpr unsigned long kSlackNs = 1000;  // of 50'000: looks are a few times that apart
  ::prctl(PR_SET_TIMERSLACK, kSlackNs, 0, 0, 0);
  MeterLook look;
  do look = look_();
  while (!look.kills_for && rests(look.next));
  kills_for_ = look.kills_for;
  ::eventfd_write(news_.get(), 1);
}

}  // namespace yett
