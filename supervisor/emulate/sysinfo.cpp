#include <sys/sysinfo.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>
#include <span>
#include <utility>

#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"

namespace yett {
namespace {

constexpr std::int64_t kAnswerAgeMs = 10;

timespec monotonic(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now;
}

std::int64_t coarse_milliseconds() {
  const timespec now = monotonic(CLOCK_MONOTONIC_COARSE);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

SysinfoEmulator::SysinfoEmulator(const EmulationPlan& plan, std::function<SandboxUsage()> usage)
    : plan_(plan),
      usage_(std::move(usage)),
      told_at_ms_(-kAnswerAgeMs),
      started_s_(monotonic(CLOCK_MONOTONIC).tv_sec) {}

struct sysinfo SysinfoEmulator::look() const {
  struct sysinfo host{};
  ::sysinfo(&host);  // fails for a bad pointer only
  const std::uint64_t unit = std::max(host.mem_unit, 1U);
  const SandboxUsage usage = usage_ ? usage_() : SandboxUsage{};

  struct sysinfo told{};
  told.uptime = monotonic(CLOCK_MONOTONIC_COARSE).tv_sec - started_s_;
  told.totalram = host.totalram * unit;
  told.freeram = host.freeram * unit;
  if (plan_.memory_bytes != 0) {
    told.totalram = std::min<std::uint64_t>(told.totalram, plan_.memory_bytes);
    const std::uint64_t unused =
        told.totalram - std::min<std::uint64_t>(usage.memory_bytes, told.totalram);
    told.freeram = std::min<std::uint64_t>(told.freeram, unused);
  }
  told.procs = static_cast<unsigned short>(
      std::clamp<std::uint64_t>(usage.processes, 1, std::numeric_limits<unsigned short>::max()));
  told.mem_unit = 1;
  return told;
}

void SysinfoEmulator::refresh() {
  const std::int64_t now = coarse_milliseconds();
  if (now - told_at_ms_ < kAnswerAgeMs) return;
  told_ = look();
  told_at_ms_ = now;
}

int SysinfoEmulator::emulate(const PendingNotification& pending) const {
  const auto bytes = std::as_bytes(std::span(&told_, 1));
  return errno_for_target(write_target(pending, pending.data().args[0], bytes));
}

}  // namespace yett
