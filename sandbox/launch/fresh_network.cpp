#include "sandbox/launch/fresh_network.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include <thread>
#include <utility>

#include "sandbox/guard/namespaces_child.hpp"

namespace yett {
namespace {

struct Made {
  UniqueFd network;
  ChildResult error = kDone;
  const char* operation = "";
};

// Namespaces belong to threads: this one's is its own afterwards, and nobody else's changes.
Made make_network() {
  Made made;
  made.operation = "unshare network";
  if (::unshare(CLONE_NEWNET) != 0) {
    made.error = errno;
    return made;
  }
  made.operation = "loopback";
  made.error = raise_loopback();
  if (made.error != kDone) return made;
  made.operation = "open network namespace";
  made.network.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!made.network.valid()) made.error = errno;
  return made;
}

}  // namespace

struct FreshNetwork::State {
  Made made;
  std::thread thread;
};

FreshNetwork::FreshNetwork(std::unique_ptr<State> state) : state_(std::move(state)) {}
FreshNetwork::FreshNetwork(FreshNetwork&&) noexcept = default;

FreshNetwork& FreshNetwork::operator=(FreshNetwork&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

FreshNetwork::~FreshNetwork() {
  if (state_ && state_->thread.joinable()) state_->thread.join();
}

FreshNetwork FreshNetwork::start() {
  auto state = std::make_unique<State>();
  // Signals are for the main thread, whose mask and signalfd know what to do with them.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  state->thread = std::thread([target = state.get()] { target->made = make_network(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return FreshNetwork(std::move(state));
}

Result<UniqueFd> FreshNetwork::take() {
  if (state_->thread.joinable()) state_->thread.join();
  if (state_->made.error != kDone)
    return fail(errno_error(state_->made.error, state_->made.operation));
  return std::move(state_->made.network);
}

}  // namespace yett
