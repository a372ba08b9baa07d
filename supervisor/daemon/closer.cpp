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

void Closer::close(std::span<UniqueFd> descriptors) const {
  const std::scoped_lock held(state_->lock);
  for (UniqueFd& each : descriptors)
    if (each.valid()) state_->waiting.push_back(std::move(each));
  if (state_->waiting.size() > state_->idle && state_->threads < kMostThreads) {
    try {
      std::thread([state = state_] { work(state); }).detach();
      ++state_->threads;
    } catch (const std::system_error&) {  // those that there are come to it
    }
  }
  state_->more.notify_all();
}

}  // namespace yett
