#include "sandbox/launch/fresh_network.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include <utility>

#include "base/signal_free_thread.hpp"
#include "ioctl_uapi/own_namespace.hpp"
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
  made.network = open_own_namespace(OwnNamespace::network);
  if (made.network.valid()) return made;
  made.network.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!made.network.valid()) made.error = errno;
  return made;
}

void* make_network_into(void* made) {
  *static_cast<Made*>(made) = make_network();
  return nullptr;
}

// A thread begins on its maker's processor, and a kernel that packs little work onto few processors
// leaves it there, where the two only take turns.
void place_elsewhere(pthread_attr_t& attributes) {
  cpu_set_t others;
  if (::sched_getaffinity(0, sizeof others, &others) != 0) return;
  if (const int here = ::sched_getcpu(); here >= 0) CPU_CLR(here, &others);
  if (CPU_COUNT(&others) > 0) ::pthread_attr_setaffinity_np(&attributes, sizeof others, &others);
}

}  // namespace

struct FreshNetwork::State {
  Made made;
  pthread_t thread{};
  bool running = false;

  void join() {
    if (running) ::pthread_join(thread, nullptr);
    running = false;
  }
};

FreshNetwork::FreshNetwork(std::unique_ptr<State> state) : state_(std::move(state)) {}
FreshNetwork::FreshNetwork(FreshNetwork&&) noexcept = default;

FreshNetwork& FreshNetwork::operator=(FreshNetwork&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

FreshNetwork::~FreshNetwork() {
  if (state_) state_->join();
}

FreshNetwork FreshNetwork::start() {
  auto state = std::make_unique<State>();
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  place_elsewhere(attributes);
  const int error = start_signal_free(state->thread, &attributes, make_network_into, &state->made);
  ::pthread_attr_destroy(&attributes);
  state->running = error == 0;
  if (error != 0) state->made = {.network = {}, .error = error, .operation = "start a thread"};
  return FreshNetwork(std::move(state));
}

Result<UniqueFd> FreshNetwork::take() {
  state_->join();
  if (state_->made.error != kDone)
    return fail(errno_error(state_->made.error, state_->made.operation));
  return std::move(state_->made.network);
}

}  // namespace yett
