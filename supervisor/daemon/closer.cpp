#include "supervisor/daemon/closer.hpp"

#include <system_error>
#include <thread>
#include <utility>

namespace yett {

void Closer::work(const std::shared_ptr<State>& state) {
  std::unique_lock held(state->lock);
  for (;;) {
    ++state->idle;
    state->more.wait(held, [&state] { return !state->waiting.empty(); });
    --state->idle;
    UniqueFd next = std::move(state->waiting.front());
    state->waiting.pop_front();
    held.unlock();
    next.reset();
    held.lock();
  }
}

bool Closer::begin_work(const std::shared_ptr<State>& state) {
  try {
    std::thread([state] { work(state); }).detach();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void Closer::close(std::span<UniqueFd> descriptors) const {
  const std::scoped_lock held(state_->lock);
  for (UniqueFd& each : descriptors)
    if (each.valid()) state_->waiting.push_back(std::move(each));
  const bool is_short = state_->waiting.size() > state_->idle && state_->threads < kMostThreads;
  if (is_short && begin_work(state_)) ++state_->threads;
  state_->more.notify_all();
}

}  // namespace yett
