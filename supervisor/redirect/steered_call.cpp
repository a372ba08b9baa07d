#include "supervisor/redirect/steered_call.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <span>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/notify/held_process.hpp"

namespace yett {
namespace {

// What the thread is refused where it cannot be steered.
int refusal_of(SteeredCall::Act act) { return act == SteeredCall::Act::enter ? EXDEV : EACCES; }

// Room in the thread's memory, at an address that nothing else is given: the stack may be a small
// one that ends anywhere (Go), and what lies beyond it somebody else's. A child that shares its
// parent's memory (vfork) leaves it there, for the next one.
class Room {
 public:
  static constexpr std::uint64_t kAddress = 0x2000'0000'0000;
  static constexpr std::size_t kSize = 256UL << 10;

  explicit Room(HeldProcess& held) : held_(&held) {}
  Status take() {
    constexpr auto kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    const auto taken = held_->call(
        "mmap", SYS_mmap, {kAddress, kSize, PROT_READ | PROT_WRITE, kFlags, ~std::uint64_t{0}, 0});
    is_new_ = taken.has_value();
    if (taken || taken.error().sys_errno == EEXIST) return {};
    return fail(taken.error());
  }
  void give_back() {
    if (is_new_) static_cast<void>(held_->call("munmap", SYS_munmap, {kAddress, kSize}));
  }

 private:
  HeldProcess* held_;
  bool is_new_ = false;
};

// Of the thread's own argv, [0] left out.
Result<std::vector<std::uint64_t>> arguments_behind_first(const HeldProcess& held,
                                                          std::uint64_t argv) {
  constexpr std::size_t kMost = Room::kSize / sizeof(std::uint64_t);
  constexpr std::size_t kPage = 4096;
  std::vector<std::uint64_t> arguments;
  std::array<std::uint64_t, kPage / sizeof(std::uint64_t)> piece;
  while (argv != 0 && arguments.size() < kMost) {
    const std::size_t count = (kPage - argv % kPage) / sizeof(std::uint64_t);
    const auto wanted = std::span(piece).first(std::max(count, std::size_t{1}));
    YETT_CHECK(held.read(argv, std::as_writable_bytes(wanted)));
    const auto end = std::ranges::find(wanted, 0U);
    arguments.insert(arguments.end(), wanted.begin(), end);
    argv = end == wanted.end() ? argv + wanted.size_bytes() : 0;
  }
  if (argv != 0) return fail(errno_error(E2BIG, "read arguments"));
  if (!arguments.empty()) arguments.erase(arguments.begin());
  return arguments;
}

// The name first, then the words, then argv.
class RoomText {
 public:
  std::uint64_t add(const std::string& text) {
    const std::uint64_t address = Room::kAddress + bytes_.size();
    bytes_.append(text.c_str(), text.size() + 1);
    return address;
  }
  std::uint64_t add(const std::vector<std::uint64_t>& pointers) {
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    const std::uint64_t address = Room::kAddress + bytes_.size();
    bytes_.append(reinterpret_cast<const char*>(pointers.data()), pointers.size() * 8);
    return address;
  }
  [[nodiscard]] Status write(const HeldProcess& held) const {
    if (bytes_.size() > Room::kSize) return fail(errno_error(E2BIG, "write arguments"));
    return held.write(Room::kAddress, std::as_bytes(std::span(bytes_)));
  }

 private:
  std::string bytes_;
};

struct GivenArguments {
  std::uint64_t argv;
  std::uint64_t environment;
};

GivenArguments given_to(const seccomp_data& data) {
  const int first = data.nr == SYS_execveat ? 2 : 1;
  return {data.args[first], data.args[first + 1]};
}

Status enter(HeldProcess& held, const SteeredCall& call) {
  RoomText text;
  const std::uint64_t name = text.add(call.name);
  YETT_CHECK(text.write(held));
  YETT_CHECK(held.call("chdir", SYS_chdir, {name, 0, 0, 0, 0, kSteeredCall}));
  return {};
}

Status execute(HeldProcess& held, const SteeredCall& call, GivenArguments given) {
  RoomText text;
  const std::uint64_t name = text.add(call.name);
  if (!call.words.empty()) {
    YETT_TRY(const auto rest, arguments_behind_first(held, given.argv));
    std::vector<std::uint64_t> argv;
    for (const std::string& word : call.words) argv.push_back(text.add(word));
    argv.insert(argv.end(), rest.begin(), rest.end());
    argv.push_back(0);
    given.argv = text.add(argv);
  }
  YETT_CHECK(text.write(held));
  return held.execute({name, given.argv, given.environment, 0, 0, kSteeredCall});
}

Status carry_out(HeldProcess& held, const SteeredCall& call, const seccomp_data& data) {
  Room room(held);
  YETT_CHECK(room.take());
  const Status done =
      call.act == SteeredCall::Act::enter ? enter(held, call) : execute(held, call, given_to(data));
  if (held.pid() > 0) room.give_back();
  return done;
}

// Two that share their memory share the room.
std::mutex& one_at_a_time() {
  static std::mutex lock;
  return lock;
}

}  // namespace

// SECURITY(redirect-steered): its filter and Landlock hold while it is steered, as on its own;
// until that it is refused. SECURITY(copy-once): stopped first, then asked whether it is the right
// one; nothing is done to another, and it goes on as if it had never been stopped.
void steer(PendingNotification& pending, const SteeredCall& call) {
  const int refusal = refusal_of(call.act);
  auto held = HeldProcess::seize(static_cast<int>(pending.thread_id()));
  if (!held) {
    static_cast<void>(pending.answer_error(refusal));
    return;
  }
  const seccomp_data data = pending.data();
  held->interrupt();
  const Status answered = pending.answer_error(refusal);  // before its next instruction it stops
  if (!held->await_stop()) return;
  const auto result = static_cast<std::int64_t>(held->stands().rax);
  if (!answered || held->is_taking_signal() || result != -refusal ||
      held->stands().rip != data.instruction_pointer || !held->hold(FilterOfHeld::holds)) {
    static_cast<void>(held->let_go_on());
    return;
  }
  const std::scoped_lock alone(one_at_a_time());
  const Status done = carry_out(*held, call, data);
  if (held->pid() <= 0) return;  // it is another program, or has died
  static_cast<void>(held->let_go(done ? 0 : -std::max(done.error().sys_errno, 1)));
}

}  // namespace yett
