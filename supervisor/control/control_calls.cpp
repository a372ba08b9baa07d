#include "supervisor/control/control_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <span>
#include <string_view>
#include <utility>

#include "supervisor/control/device_file.hpp"
#include "supervisor/control/target_struct.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"

namespace yett {
namespace {

static_assert(sizeof(yett_info) == YETT_INFO_SIZE_1);
static_assert(sizeof(yett_stat) == YETT_STAT_SIZE_1);
static_assert(sizeof(yett_log) == YETT_LOG_SIZE_1);

constexpr std::int64_t kUsageAgeNs = 10'000'000;

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// Of this process's first answerer: threads make their own later.
std::int64_t began_ns() {
  static const std::int64_t began = monotonic_ns();
  return began;
}

template <std::size_t Size>
void copy_text(std::string_view text, char (&into)[Size]) {
  std::memcpy(into, text.data(), std::min(text.size(), Size - 1));
}

constexpr std::uint64_t bit_of(unsigned command) { return 1ULL << _IOC_NR(command); }

const char* mode_name(Mode mode) {
  return mode == Mode::full ? "full" : mode == Mode::rootless ? "rootless" : "fallback";
}

template <typename Struct>
std::span<const std::byte> bytes_of(const Struct& given) {
  return std::as_bytes(std::span(&given, 1));
}

}  // namespace

ControlCalls::ControlCalls(const SandboxPlan& plan, std::function<SandboxUsage()> usage)
    : usage_(std::move(usage)) {
  began_ns();
  info_.size = sizeof info_;
  info_.version = YETT_UAPI_VERSION;
  info_.commands = bit_of(YETT_INFO) | bit_of(YETT_STAT) | bit_of(YETT_LOG);
  copy_text(plan.sandbox, info_.sandbox);
  copy_text(plan.policy_name, info_.policy);
  copy_text(plan.policy_hash, info_.policy_sha256);
  copy_text(mode_name(plan.mode), info_.mode);
  stat_.size = sizeof stat_;
  stat_.memory_limit = plan.cgroup.memory_bytes.value_or(0);
  stat_.process_limit = plan.cgroup.pids.value_or(0);
}

void ControlCalls::set_manager(std::shared_ptr<SandboxManager> manager) {
  manager_ = std::move(manager);
  if (manager_) info_.commands |= bit_of(YETT_CREATE) | bit_of(YETT_ADD_SELF) | bit_of(YETT_REMOVE);
}

void ControlCalls::refresh() {
  const std::int64_t now = monotonic_ns();
  stat_.uptime_ns = static_cast<std::uint64_t>(now - began_ns());
  if (now - asked_ns_ < kUsageAgeNs) return;
  asked_ns_ = now;
  const SandboxUsage usage = usage_ ? usage_() : SandboxUsage{};
  stat_.memory_bytes = usage.memory_bytes;
  stat_.process_count = usage.processes;
}

// The kernel compares 32 bits of the command; the filter's conditions and ours do, too.
CallAnswer ControlCalls::answer(const PendingNotification& pending) const {
  const auto& arguments = pending.data().args;
  if (!is_control_device(pending, arguments[0])) return {.error = ENOTTY};
  switch (static_cast<std::uint32_t>(arguments[1])) {
    case YETT_INFO:
      return {.error = write_struct(pending, arguments[2], YETT_INFO_SIZE_1, bytes_of(info_)),
              .logged = {}};
    case YETT_STAT:
      return {.error = write_struct(pending, arguments[2], YETT_STAT_SIZE_1, bytes_of(stat_)),
              .logged = {}};
    case YETT_LOG:
      return log(pending);
    default:
      return manage(pending);
  }
}

CallAnswer ControlCalls::manage(const PendingNotification& pending) const {
  const auto& arguments = pending.data().args;
  const int number = static_cast<int>(arguments[2]);
  if (!manager_) return {.error = ENOTTY};
  switch (static_cast<std::uint32_t>(arguments[1])) {
    case YETT_CREATE:
      return create(pending);
    case YETT_ADD_SELF:
      return {.error = manager_->add_self(pending, number)};
    case YETT_REMOVE:
      return {.error = manager_->remove(number)};
    default:
      return {.error = ENOTTY};
  }
}

CallAnswer ControlCalls::create(const PendingNotification& pending) const {
  const std::string path = read_target_text(pending, pending.data().args[2], PATH_MAX);
  if (path.empty()) return {.error = EFAULT};
  if (path.size() >= PATH_MAX) return {.error = ENAMETOOLONG};
  const int made = manager_->create(pending, path);
  return made < 0 ? CallAnswer{.error = -made} : CallAnswer{.value = made};
}

CallAnswer ControlCalls::log(const PendingNotification& pending) const {
  yett_log given{};
  const auto into = std::as_writable_bytes(std::span(&given, 1));
  if (const int error = read_struct(pending, pending.data().args[2], YETT_LOG_SIZE_1, into);
      error != 0)
    return {.error = error};
  if (given.text_size == 0 || given.text_size > YETT_LOG_MAX) return {.error = EMSGSIZE};
  std::string text(given.text_size, '\0');
  const int error = errno_for_target(read_target(
      pending, given.text, std::as_writable_bytes(std::span(text.data(), text.size()))));
  return {.error = error, .logged = error == 0 ? std::move(text) : std::string()};
}

}  // namespace yett
