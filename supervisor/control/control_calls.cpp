#include "supervisor/control/control_calls.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>
#include <span>
#include <utility>

#include "base/text.hpp"
#include "supervisor/control/device_file.hpp"
#include "supervisor/control/narrower_filter.hpp"
#include "supervisor/control/sized_struct.hpp"
#include "supervisor/control/target_caller.hpp"

namespace yett {
namespace {

static_assert(sizeof(yett_info) == YETT_INFO_SIZE_1);
static_assert(sizeof(yett_stat) == YETT_STAT_SIZE_1);
static_assert(sizeof(yett_log) == YETT_LOG_SIZE_1);
static_assert(sizeof(yett_restrict) == YETT_RESTRICT_SIZE_1);
static_assert(sizeof(yett_grant) == YETT_GRANT_SIZE_1);
static_assert(sizeof(yett_ready) == YETT_READY_SIZE_1);
static_assert(sizeof(yett_spawn_call) == YETT_SPAWN_SIZE_1);

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

constexpr std::uint64_t bit_of(unsigned command) { return 1ULL << _IOC_NR(command); }

template <typename Struct>
std::span<const std::byte> bytes_of(const Struct& given) {
  return std::as_bytes(std::span(&given, 1));
}

template <typename Struct>
std::span<std::byte> bytes_into(Struct& given) {
  return std::as_writable_bytes(std::span(&given, 1));
}

CallAnswer number_or_error(int number) {
  return number < 0 ? CallAnswer{.error = -number} : CallAnswer{.value = number};
}

// Who is given a filter must be able to install it.
bool may_install_filters(const SandboxPlan& plan) {
  return std::ranges::any_of(plan.filter.rules, [](const SyscallRule& rule) {
    return rule.number == SYS_seccomp && rule.reachable();
  });
}

// errno, 0: `wanted` has the program, its arguments and its environment.
int read_program(ControlCaller& caller, const yett_spawn_call& given, InsteadOf& wanted) {
  const CallStrings strings{.address = given.strings,
                            .size = given.strings_size,
                            .argument_count = given.argument_count,
                            .environment_count = given.environment_count};
  if (const int error = read_strings(caller, strings, wanted.arguments, wanted.environment);
      error != 0)
    return error;
  wanted.program = wanted.arguments.front();
  return 0;
}

}  // namespace

ControlCalls::ControlCalls(const SandboxPlan& plan, std::function<SandboxUsage()> usage,
                           ControlCarrier carrier)
    : usage_(std::move(usage)), carrier_(carrier) {
  began_ns();
  info_.size = sizeof info_;
  info_.version = YETT_UAPI_VERSION;
  info_.commands = bit_of(YETT_INFO) | bit_of(YETT_STAT) | bit_of(YETT_LOG);
  if (carrier == ControlCarrier::device && may_install_filters(plan))
    info_.commands |= bit_of(YETT_RESTRICT_SELF);
  if (carrier == ControlCarrier::device && plan.ask.opens)
    info_.commands |= bit_of(YETT_REQUEST_GRANT);
  copy_text(plan.sandbox, info_.sandbox);
  copy_text(plan.policy_name, info_.policy);
  copy_text(plan.policy_hash, info_.policy_sha256);
  copy_text(mode_name(plan.mode), info_.mode);
  stat_.size = sizeof stat_;
  stat_.memory_limit = memory_limit(plan);
  stat_.process_limit = plan.cgroup.pids.value_or(0);
}

void ControlCalls::set_manager(std::shared_ptr<SandboxManager> manager) {
  manager_ = std::move(manager);
  if (!manager_) return;
  const unsigned begin = carrier_ == ControlCarrier::device ? YETT_ADD_SELF : YETT_SPAWN;
  info_.commands |= bit_of(YETT_CREATE) | bit_of(begin) | bit_of(YETT_REMOVE);
}

void ControlCalls::set_template_maker(MakeTemplate make) {
  make_template_ = std::move(make);
  if (make_template_) info_.commands |= bit_of(YETT_READY);
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
  TargetCaller caller(pending);
  return answer(caller, static_cast<std::uint32_t>(arguments[1]), arguments[2]);
}

CallAnswer ControlCalls::answer(ControlCaller& caller, std::uint32_t command,
                                std::uint64_t argument) const {
  switch (command) {
    case YETT_INFO:
      return {.error = write_struct(caller, argument, YETT_INFO_SIZE_1, bytes_of(info_)),
              .logged = {}};
    case YETT_STAT:
      return {.error = write_struct(caller, argument, YETT_STAT_SIZE_1, bytes_of(stat_)),
              .logged = {}};
    case YETT_LOG:
      return log(caller, argument);
    case YETT_RESTRICT_SELF:
      return restrict_self(caller, argument);
    case YETT_READY:
      return become_template(caller, argument);
    default:
      return manage(caller, command, argument);
  }
}

CallAnswer ControlCalls::manage(ControlCaller& caller, std::uint32_t command,
                                std::uint64_t argument) const {
  const int number = static_cast<int>(argument);
  if (!manager_) return {.error = ENOTTY};
  switch (command) {
    case YETT_CREATE:
      return create(caller, argument);
    case YETT_ADD_SELF:
      return {.error = caller.add_self(*manager_, number)};
    case YETT_SPAWN:
      return spawn(caller, argument);
    case YETT_REMOVE:
      return {.error = manager_->remove(number)};
    default:
      return {.error = ENOTTY};
  }
}

CallAnswer ControlCalls::restrict_self(ControlCaller& caller, std::uint64_t address) const {
  if (carrier_ == ControlCarrier::socket) return {.error = EOPNOTSUPP};
  if ((info_.commands & bit_of(YETT_RESTRICT_SELF)) == 0) return {.error = ENOTTY};
  yett_restrict given{};
  if (const int error = read_struct(caller, address, YETT_RESTRICT_SIZE_1, bytes_into(given));
      error != 0)
    return {.error = error};
  if (given.policy_size == 0 || given.policy_size > YETT_POLICY_MAX) return {.error = EMSGSIZE};
  std::string text(given.policy_size, '\0');
  if (const int error =
          caller.read(given.policy, std::as_writable_bytes(std::span(text.data(), text.size())));
      error != 0)
    return {.error = error};
  NarrowerFilter made = make_narrower_filter(text);
  given.size = sizeof given;
  given.filter_length = static_cast<std::uint32_t>(made.program.size());
  std::memset(given.problem, 0, sizeof given.problem);
  copy_text(made.problem, given.problem);
  if (made.error == 0 && made.program.size() > given.filter_room) made.error = ENOSPC;
  if (made.error == 0)
    made.error = caller.write(given.filter, std::as_bytes(std::span(made.program)));
  const int told = write_struct(caller, address, YETT_RESTRICT_SIZE_1, bytes_of(given));
  return {.error = told != 0 ? told : made.error};
}

// What is given back is written into each instance's own copy, not here.
CallAnswer ControlCalls::become_template(ControlCaller& caller, std::uint64_t address) const {
  if (!make_template_) return {.error = ENOTTY};
  yett_ready given{};
  if (const int error = read_struct(caller, address, YETT_READY_SIZE_1, bytes_into(given));
      error != 0)
    return {.error = error};
  if (given.reserved != 0) return {.error = EINVAL};
  return {.error = caller.become_template(make_template_)};
}

CallAnswer ControlCalls::create(ControlCaller& caller, std::uint64_t address) const {
  const std::string path = caller.read_text(address, PATH_MAX);
  if (path.empty()) return {.error = EFAULT};
  if (path.size() >= PATH_MAX) return {.error = ENAMETOOLONG};
  return number_or_error(caller.create(*manager_, path));
}

CallAnswer ControlCalls::spawn(ControlCaller& caller, std::uint64_t address) const {
  if (carrier_ != ControlCarrier::socket) return {.error = EOPNOTSUPP};
  yett_spawn_call given{};
  if (const int error = read_struct(caller, address, YETT_SPAWN_SIZE_1, bytes_into(given));
      error != 0)
    return {.error = error};
  if (given.reserved != 0) return {.error = EINVAL};
  InsteadOf wanted;
  if (const int error = read_program(caller, given, wanted); error != 0) return {.error = error};
  return number_or_error(caller.spawn(*manager_, given.sandbox, std::move(wanted)));
}

CallAnswer ControlCalls::log(ControlCaller& caller, std::uint64_t address) {
  yett_log given{};
  if (const int error = read_struct(caller, address, YETT_LOG_SIZE_1, bytes_into(given));
      error != 0)
    return {.error = error};
  if (given.text_size == 0 || given.text_size > YETT_LOG_MAX) return {.error = EMSGSIZE};
  std::string text(given.text_size, '\0');
  const int error =
      caller.read(given.text, std::as_writable_bytes(std::span(text.data(), text.size())));
  return {.error = error, .logged = error == 0 ? std::move(text) : std::string()};
}

}  // namespace yett
