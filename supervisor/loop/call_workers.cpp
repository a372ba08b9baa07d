#include "supervisor/loop/call_workers.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/signal_free_thread.hpp"
#include "supervisor/loop/notification_pump.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

void ring(const UniqueFd& bell) { ::eventfd_write(bell.get(), 1); }

bool goes_on(const Result<PumpState>& state) {
  return state && (*state == PumpState::quiet || *state == PumpState::busy);
}

}  // namespace

// Of the loop and all threads; threads that are left behind keep it.
struct CallWorkers::Shared {
  UniqueFd news{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  UniqueFd stop{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<std::uint64_t> calls{0};
  std::atomic<bool> watched{false};  // the loop looks from time to time
  std::atomic<bool> folded{false};
  CallBudget budget;
};

struct CallWorkers::Worker final : SlowCallWatch {
  Worker(std::shared_ptr<Shared> with, BorrowedFd listener_of_loop, const SandboxPlan& plan,
         const std::function<SandboxUsage()>& usage, AuditSink& audit_log)
      : shared(std::move(with)),
        listener(::fcntl(listener_of_loop.get(), F_DUPFD_CLOEXEC, 0)),
        audit(&audit_log),
        pump(listener.borrow(), plan, usage, audit_log, SlowCalls::in_place, this) {}

  void begin(const PendingNotification& pending) override;
  std::unique_lock<std::mutex> end() override;
  [[nodiscard]] bool overtaken() const override { return is_overtaken; }

  void serve();
  // After the stop was rung. False: it is stuck in a call, and leaves when it comes back.
  [[nodiscard]] bool ends_soon();
  [[nodiscard]] bool wait_for_calls() const;

  std::shared_ptr<Shared> shared;
  UniqueFd listener;  // its own: the loop may be gone when a stuck thread comes back
  AuditSink* audit;
  std::shared_ptr<CallTimes> times;
  NotificationPump pump;
  std::optional<PendingNotification> first;
  pthread_t thread{};

  mutable std::mutex lock;  // of what follows
  std::condition_variable ended_changed;
  std::optional<seccomp_notif> call;  // under way, in the target's memory
  Clock::time_point since;
  std::atomic<bool> is_overtaken{false};
  bool disowned = false;  // the call is answered by another, or the loop is gone
  bool ended = false;
  Result<PumpState> outcome = PumpState::quiet;
};

void CallWorkers::Worker::begin(const PendingNotification& pending) {
  {
    const std::scoped_lock held(lock);
    call = pending.notification();
    since = Clock::now();
  }
  ++shared->calls;
  if (!shared->watched.exchange(true)) ring(shared->news);
}

std::unique_lock<std::mutex> CallWorkers::Worker::end() {
  std::unique_lock held(lock);
  call.reset();
  if (disowned) held.unlock();
  return held;
}

bool CallWorkers::Worker::wait_for_calls() const {
  const int patience = pump.has_left() ? 0 : -1;
  pollfd watched[2] = {{.fd = listener.get(), .events = POLLIN, .revents = 0},
                       {.fd = shared->stop.get(), .events = POLLIN, .revents = 0}};
  while (::poll(watched, 2, patience) < 0) {  // EINTR: the tick that bounds a receive
  }
  return watched[1].revents == 0;
}

void CallWorkers::Worker::serve() {
  Result<PumpState> state = first ? pump.answer(*std::move(first)) : PumpState::quiet;
  while (goes_on(state)) {
    const bool is_more_to_tell = audit->has_folded() || (times && times->has_untold());
    if (is_more_to_tell && !shared->folded.exchange(true)) ring(shared->news);
    if (!wait_for_calls()) break;
    state = pump.run();
  }
  const std::scoped_lock held(lock);
  outcome = std::move(state);
  ended = true;
  ended_changed.notify_all();
  ring(shared->news);
}

bool CallWorkers::Worker::ends_soon() {
  std::unique_lock held(lock);
  while (!ended) {
    if (call && Clock::now() - since >= kStuck) {
      disowned = true;
      return false;
    }
    ended_changed.wait_for(held, kStuck);
  }
  return true;
}

CallWorkers::CallWorkers(BorrowedFd listener, const SandboxPlan& plan,
                         std::function<SandboxUsage()> usage, AuditSink& audit)
    : listener_(listener),
      plan_(&plan),
      usage_(std::move(usage)),
      audit_(&audit),
      shared_(std::make_shared<Shared>()) {}

CallWorkers::~CallWorkers() {
  ring(shared_->stop);
  for (const auto& worker : workers_) {
    if (worker->ends_soon())
      ::pthread_join(worker->thread, nullptr);
    else
      ::pthread_detach(worker->thread);
  }
}

Status CallWorkers::start(PendingNotification first) { return start_one(std::move(first)); }

BorrowedFd CallWorkers::news() const { return shared_->news.borrow(); }

void CallWorkers::flushed() { shared_->folded = false; }

Status CallWorkers::start_one(std::optional<PendingNotification> first) {
  auto worker = std::make_shared<Worker>(shared_, listener_, *plan_, usage_, *audit_);
  if (!worker->listener.valid()) return fail(errno_error("duplicate", "listener"));
  // SECURITY(call-budget): one for all, or each thread that is left behind would bring another.
  worker->pump.set_budget({shared_, &shared_->budget});
  worker->pump.set_lender(lender_);
  worker->pump.set_manager(manager_);
  worker->pump.set_template_maker(make_template_);
  worker->pump.set_desk(desk_);
  worker->pump.set_plans(plans_);
  worker->pump.set_admission(admit_task_);
  worker->pump.set_redirector(redirector_);
  worker->pump.set_journal(journal_);
  worker->pump.set_times(worker->times = times_);
  if (first) worker->first.emplace((*std::move(first)).through(worker->listener.borrow()));
  const auto run = [](void* given) -> void* {
    const std::unique_ptr<std::shared_ptr<Worker>> own(
        static_cast<std::shared_ptr<Worker>*>(given));
    (*own)->serve();
    return nullptr;
  };
  auto own = std::make_unique<std::shared_ptr<Worker>>(worker);
  const int error = start_signal_free(worker->thread, nullptr, run, own.get());
  if (error != 0) return fail(errno_error(error, "start a thread", "calls"));
  static_cast<void>(own.release());  // the thread's now
  workers_.push_back(std::move(worker));
  return {};
}

CallWorkers::News CallWorkers::look(Look why) {
  eventfd_t rung = 0;
  ::eventfd_read(shared_->news.get(), &rung);
  News news;
  news.folded = shared_->folded;
  news.watch = goes_on_watching(why);
  collect_ended(news);
  look_at_calls(news);
  const auto is_serving = [](const auto& worker) { return !worker->is_overtaken; };
  news.served = hung_up_ || news.violation || std::ranges::any_of(workers_, is_serving);
  if (!news.served && !news.failure && workers_.size() < kMostStuck)
    news.served = start_one(std::nullopt).has_value();
  return news;
}

// A thread that begins a call while nobody watches rings. So the watch may end when no call came
// since the last look, provided that none has come while it was being ended.
bool CallWorkers::goes_on_watching(Look why) {
  const std::uint64_t calls = shared_->calls;
  const bool none_new = std::exchange(calls_seen_, calls) == calls;
  const auto in_a_call = [](const auto& worker) {
    const std::scoped_lock held(worker->lock);
    return worker->call.has_value();
  };
  if (why == Look::by_news || !none_new || std::ranges::any_of(workers_, in_a_call))
    return shared_->watched;
  shared_->watched = false;
  if (shared_->calls == calls) return false;
  shared_->watched = true;
  return true;
}

void CallWorkers::collect_ended(News& news) {
  const auto has_ended = [&](const std::shared_ptr<Worker>& worker) {
    const std::scoped_lock held(worker->lock);
    if (!worker->ended) return false;
    if (!worker->outcome)
      news.failure = worker->outcome.error();
    else if (*worker->outcome == PumpState::violation)
      news.violation = true;
    else if (*worker->outcome == PumpState::hung_up)
      hung_up_ = true;
    return true;
  };
  const auto ended = std::ranges::stable_partition(
      workers_, [&](const auto& worker) { return !has_ended(worker); });
  for (const auto& worker : ended) ::pthread_join(worker->thread, nullptr);
  workers_.erase(ended.begin(), ended.end());
}

// SECURITY(slow-memory): nobody waits for a stuck thread but the one whose call it is.
void CallWorkers::look_at_calls(News& news) const {
  const auto now = Clock::now();
  for (const auto& worker : workers_) {
    const std::scoped_lock held(worker->lock);
    if (!worker->call) continue;
    if (now - worker->since >= kStuck) worker->is_overtaken = true;
    if (now - worker->since < kTooLate || std::exchange(worker->disowned, true)) continue;
    news.too_late.emplace_back(listener_, *worker->call);
  }
}

}  // namespace yett
