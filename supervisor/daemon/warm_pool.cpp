#include "supervisor/daemon/warm_pool.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

namespace yett {

namespace {

// What has ended since the last round of the loop is not given to anybody.
bool lives(const StartedSupervisor& supervisor) {
  pollfd ended{.fd = supervisor.process.pidfd().get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, 0) == 0;
}

}  // namespace

std::vector<std::string> words_of(const SandboxTemplate& made_of,
                                  const std::vector<std::string>& command,
                                  const std::vector<std::string>& environment) {
  std::vector<std::string> words{"run"};
  words.insert(words.end(), made_of.options.begin(), made_of.options.end());
  for (const std::string& entry : environment)
    if (entry.find('=') != std::string::npos) words.insert(words.end(), {"-e", entry});
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

std::vector<std::string> own_environment() {
  return {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
}

void WarmPool::forget(const Waiting& waiting) {
  poller_.forget(waiting.news);
  poller_.forget(waiting.end);
}

void WarmPool::clear() {
  for (auto& [name, pool] : pools_)
    for (auto& [serial, waiting] : pool.waiting) forget(waiting);
  pools_.clear();  // their owners kill and reap
}

void WarmPool::set_templates(const std::map<std::string, SandboxTemplate>& templates) {
  for (auto at = pools_.begin(); at != pools_.end();) {
    const auto still = templates.find(at->first);
    if (still != templates.end() && still->second == at->second.made_of) {
      ++at;
      continue;
    }
    for (auto& [serial, waiting] : at->second.waiting) forget(waiting);
    at = pools_.erase(at);
  }
  for (const auto& [name, made_of] : templates)
    if (made_of.pool > 0) pools_.try_emplace(name, Pool{.made_of = made_of, .waiting = {}});
}

std::optional<StartedSupervisor> WarmPool::take(Pool& pool, const Fits& fits) {
  auto& waiting = pool.waiting;
  const auto ready = std::ranges::find_if(waiting, [&fits](const auto& each) {
    return each.second.ready && fits(each.second) && lives(each.second.supervisor);
  });
  if (ready == waiting.end()) return std::nullopt;
  rest_until_ = Clock::now() + kRest;
  forget(ready->second);
  StartedSupervisor taken = std::move(ready->second.supervisor);
  waiting.erase(ready);
  return taken;
}

std::optional<StartedSupervisor> WarmPool::take(const std::string& name) {
  const auto pool = pools_.find(name);
  if (pool == pools_.end()) return std::nullopt;
  return take(pool->second, [](const Waiting&) { return true; });
}

// SECURITY(pool-run): the same in everything but its program; a variable less would be one more.
std::optional<StartedSupervisor> WarmPool::take_like(const WantedRun& run) {
  const Fits fits = [&run](const Waiting& waiting) {
    if (!waiting.like || waiting.like->sandbox != run.sandbox) return false;
    const auto& has = waiting.like->environment;
    return std::ranges::mismatch(has, run.environment).in1 == has.end();
  };
  for (auto& [name, pool] : pools_)
    if (auto taken = take(pool, fits)) return taken;
  return std::nullopt;
}

// The emptiest first; one after the other, so that no start waits for more than one.
std::optional<std::chrono::milliseconds> WarmPool::refill() {
  std::pair<const std::string, Pool>* emptiest = nullptr;
  for (auto& each : pools_) {
    if (std::ranges::any_of(each.second.waiting, [](const auto& one) { return !one.second.ready; }))
      return std::nullopt;  // its news, or its end, comes first
    if (each.second.waiting.size() >= each.second.made_of.pool) continue;
    if (each.second.made_of.warm_fork && !forks_.is_ready(each.first)) continue;
    if (emptiest == nullptr || each.second.waiting.size() < emptiest->second.waiting.size())
      emptiest = &each;
  }
  if (emptiest == nullptr) return std::nullopt;
  const auto now = Clock::now();
  const bool is_low = 2 * emptiest->second.waiting.size() < emptiest->second.made_of.pool;
  const auto due = is_low ? pause_until_ : std::max(rest_until_, pause_until_);
  if (now < due) return std::chrono::ceil<std::chrono::milliseconds>(due - now);
  if (!begin(emptiest->first, emptiest->second)) pause_until_ = now + kPause;
  return std::chrono::milliseconds(0);
}

Result<StartedSupervisor> WarmPool::start(const std::string& name, const Pool& pool) {
  if (pool.made_of.warm_fork) return forks_.start(name);
  const SupervisorWanted wanted{.words = words_of(pool.made_of, {"true"}, {}),
                                .environment = own_environment(),
                                .rights = {},
                                .when = WhenStarted::when_told,
                                .descriptors = {}};
  return starter_.start(wanted);
}

bool WarmPool::begin(const std::string& name, Pool& pool) {
  std::optional<WantedRun> like;
  if (read_run_ && !pool.made_of.warm_fork)
    like = read_run_(words_of(pool.made_of, {"true"}, {}), own_environment());
  auto started = start(name, pool);
  if (!started) {
    log_.error("a sandbox for the pool could not be begun",
               {{"template", name}, {"error", started.error().message()}});
    return false;
  }
  const std::uint64_t serial = ++last_;
  const auto news = poller_.watch(started->news.borrow(), EPOLLIN,
                                  [this, name, serial](std::uint32_t) { on_news(name, serial); });
  const auto end = poller_.watch(started->process.pidfd(), EPOLLIN,
                                 [this, name, serial](std::uint32_t) { drop(name, serial); });
  if (!news || !end) return false;
  pool.waiting.emplace(
      serial,
      Waiting{
          .supervisor = *std::move(started), .news = *news, .end = *end, .like = std::move(like)});
  return true;
}

void WarmPool::on_news(const std::string& name, std::uint64_t serial) {
  const auto pool = pools_.find(name);
  if (pool == pools_.end()) return;
  const auto found = pool->second.waiting.find(serial);
  if (found == pool->second.waiting.end()) return;
  const auto news = read_news(found->second.supervisor.news.borrow());
  if (news && news->kind == NewsKind::waiting)
    found->second.ready = true;
  else if (!news)
    poller_.forget(found->second.news);
}

// It has ended by itself: why, it has said on the daemon's standard error.
void WarmPool::drop(const std::string& name, std::uint64_t serial) {
  const auto pool = pools_.find(name);
  if (pool == pools_.end()) return;
  const auto found = pool->second.waiting.find(serial);
  if (found == pool->second.waiting.end()) return;
  log_.error("a sandbox of the pool has ended", {{"template", name}});
  pause_until_ = Clock::now() + kPause;
  forget(found->second);
  pool->second.waiting.erase(found);
}

std::map<std::string, PoolState> WarmPool::state() const {
  std::map<std::string, PoolState> states;
  for (const auto& [name, pool] : pools_)
    states[name] = {.ready = static_cast<std::size_t>(std::ranges::count_if(
                        pool.waiting, [](const auto& each) { return each.second.ready; })),
                    .wanted = pool.made_of.pool};
  return states;
}

}  // namespace yett
