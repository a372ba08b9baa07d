#include "supervisor/daemon/warm_forks.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "supervisor/daemon/warm_pool.hpp"

namespace yett {

void WarmForks::forget(Template& made) {
  if (!made.supervisor) return;
  poller_.forget(made.news);
  poller_.forget(made.end);
  made.supervisor.reset();  // its owner kills, and with it what it has begun
  made.ready = false;
  made.misses = 0;
}

void WarmForks::clear() {
  for (auto& [name, made] : templates_) forget(made);
  templates_.clear();
}

void WarmForks::set_templates(const std::map<std::string, SandboxTemplate>& templates) {
  for (auto at = templates_.begin(); at != templates_.end();) {
    const auto still = templates.find(at->first);
    if (still != templates.end() && still->second == at->second.made_of) {
      ++at;
      continue;
    }
    forget(at->second);
    at = templates_.erase(at);
  }
  for (const auto& [name, made_of] : templates)
    if (made_of.warm_fork) templates_.try_emplace(name, Template{.made_of = made_of});
}

bool WarmForks::is_ready(const std::string& name) const {
  const auto found = templates_.find(name);
  return found != templates_.end() && found->second.ready;
}

std::optional<std::chrono::milliseconds> WarmForks::tend() {
  std::optional<std::chrono::milliseconds> next;
  for (auto& [name, made] : templates_) {
    if (made.supervisor) continue;
    const auto now = Clock::now();
    if (now >= made.not_before) {
      const Status begun = begin(name, made);
      if (begun) continue;
      log_.error("a template could not be begun",
                 {{"template", name}, {"error", begun.error().message()}});
      made.not_before = now + std::exchange(made.pause, std::min(2 * made.pause, kLongestPause));
    }
    const auto due = std::chrono::ceil<std::chrono::milliseconds>(made.not_before - now);
    next = next ? std::min(*next, due) : due;
  }
  return next;
}

Status WarmForks::begin(const std::string& name, Template& made) {
  SupervisorWanted wanted{.words = words_of(made.made_of, made.made_of.command, {}),
                          .environment = own_environment(),
                          .rights = {},
                          .when = WhenStarted::as_template,
                          .descriptors = {}};
  YETT_TRY(StartedSupervisor started, starter_.start(wanted));
  YETT_TRY(made.news, poller_.watch(started.news.borrow(), EPOLLIN,
                                    [this, name](std::uint32_t) { on_news(name); }));
  const auto end = poller_.watch(started.process.pidfd(), EPOLLIN,
                                 [this, name](std::uint32_t) { drop(name, "it has ended"); });
  if (!end) {
    poller_.forget(made.news);
    return fail(end.error());
  }
  made.end = *end;
  made.supervisor.emplace(std::move(started));
  return {};
}

void WarmForks::on_news(const std::string& name) {
  const auto found = templates_.find(name);
  if (found == templates_.end() || !found->second.supervisor) return;
  Template& made = found->second;
  const auto news = read_news(made.supervisor->news.borrow());
  if (!news) return poller_.forget(made.news);
  if (news->kind != NewsKind::waiting) return;
  made.ready = true;
  made.pause = kPause;
  log_.info("a template is ready", {{"template", name}});
}

// What it has written on the daemon's standard error says why.
void WarmForks::drop(const std::string& name, const char* why) {
  const auto found = templates_.find(name);
  if (found == templates_.end()) return;
  Template& made = found->second;
  log_.error("a template is begun anew", {{"template", name}, {"why", why}});
  forget(made);
  made.not_before =
      Clock::now() + std::exchange(made.pause, std::min(2 * made.pause, kLongestPause));
}

// An answer that comes too late is nobody's, and what was begun ends.
Result<StartedSupervisor> WarmForks::await_birth(const std::string& name, Template& made) {
  const auto until = Clock::now() + (made.misses == 0 ? kPatience : kPatienceAfterMiss);
  const BorrowedFd line = made.supervisor->news.borrow();
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    pollfd asked{.fd = line.get(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&asked, 1, static_cast<int>(left.count())) != 1) {
      miss(name, made);
      return fail(errno_error(EAGAIN, "begin an instance", name));
    }
    std::array<int, 2> fds{-1, -1};
    const auto news = read_news(line, fds);
    StartedSupervisor born{.process = SupervisorProcess(UniqueFd(fds[0])),
                           .news = UniqueFd(fds[1]),
                           .starter = &starter_};
    if (!news) break;
    if (news->kind != NewsKind::born || news->count != made.last_wish) continue;
    made.misses = 0;
    if (born.process.pidfd().valid() && born.news.valid()) return born;
    return fail(errno_error(news->value != 0 ? news->value : EPROTO, "begin an instance", name));
  }
  drop(name, "it has gone");
  return fail(errno_error(EAGAIN, "begin an instance", name));
}

void WarmForks::miss(const std::string& name, Template& made) {
  if (++made.misses >= kMostMisses) return drop(name, "it does not answer");
  log_.error("a template is slow to answer", {{"template", name}});
}

Result<StartedSupervisor> WarmForks::start(const std::string& name) {
  const auto found = templates_.find(name);
  if (found == templates_.end() || !found->second.ready)
    return fail(errno_error(EAGAIN, "begin an instance", name));
  Template& made = found->second;
  if (send_wish(made.supervisor->news.borrow(), ++made.last_wish)) return await_birth(name, made);
  drop(name, "it does not listen");  // its end is not heard of yet
  return fail(errno_error(EAGAIN, "begin an instance", name));
}

}  // namespace yett
