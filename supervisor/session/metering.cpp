#include "supervisor/session/metering.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

Result<SandboxProcesses> processes_of(const SandboxPlan& plan, int init) {
  return plan.mode == Mode::fallback ? SandboxProcesses::open_below(init)
                                     : SandboxProcesses::open(init);
}

std::optional<EndReason> kills_if(bool over, EndReason reason) {
  return over ? std::optional(reason) : std::nullopt;
}

MeterLook look_at_memory(Metering& metering) {
  const MemoryMeter::Look look = metering.memory->look();
  metering.usage.write({.memory_bytes = look.bytes, .processes = look.processes});
  return {.kills_for = kills_if(look.over, EndReason::out_of_memory), .next = look.next};
}

MeterLook look_at_processors(Metering& metering) {
  const CpuMeter::Look look = metering.cpu->look();
  return {.kills_for = kills_if(look.over, EndReason::killed_by_policy), .next = look.next};
}

MeterLook look_at_disk(Metering& metering) {
  const DiskMeter::Look look = metering.disk->look();
  return {.kills_for = kills_if(look.over, EndReason::out_of_disk), .next = look.next};
}

struct Meter {
  MeterLook (*look)(Metering& metering);
  Clock::time_point due;
};

std::vector<Meter> meters_of(const Metering& metering) {
  std::vector<Meter> meters;
  if (metering.cpu) meters.push_back({look_at_processors, {}});
  if (metering.memory) meters.push_back({look_at_memory, {}});
  if (metering.disk) meters.push_back({look_at_disk, {}});
  return meters;
}

// Where the supervisor writes for the sandbox.
std::vector<std::string> places_of_tree(const RedirectPlan& redirect) {
  if (redirect.directory.empty()) return {};
  return {redirect.directory + "/" + kChangesName, redirect.directory + "/" + kMakingName};
}

}  // namespace

Status start_metering(const SandboxPlan& plan, int init, std::shared_ptr<DiskRoom> room,
                      Metering& metering) {
  if (plan.meter.cpus) {
    YETT_TRY(SandboxProcesses processes, processes_of(plan, init));
    metering.cpu.emplace(std::move(processes), *plan.meter.cpus);
  }
  if (plan.meter.memory_bytes) {
    YETT_TRY(SandboxProcesses processes, processes_of(plan, init));
    metering.memory.emplace(std::move(processes), *plan.meter.memory_bytes);
  }
  if (plan.meter.disk_bytes) {
    YETT_TRY(SandboxProcesses processes, processes_of(plan, init));
    YETT_TRY(metering.disk,
             DiskMeter::open(std::move(processes),
                             {.own = plan.work_directory, .of_tree = places_of_tree(plan.redirect)},
                             *plan.meter.disk_bytes,
                             {.shortest = std::chrono::microseconds(kDiskLooks.shortest_us),
                              .longest = std::chrono::microseconds(kDiskLooks.longest_us),
                              .bytes_per_microsecond = kDiskLooks.bytes_per_us},
                             std::move(room)));
  }
  return {};
}

LookAtMeter look_of(Metering& metering) {
  std::vector<Meter> meters = meters_of(metering);
  if (meters.empty()) return {};
  return [&metering, meters = std::move(meters), is_first = true]() mutable {
    if (std::exchange(is_first, false)) ask_for_short_turns();
    MeterLook look;
    for (Meter& meter : meters) {
      if (Clock::now() < meter.due) continue;
      const MeterLook seen = meter.look(metering);
      if (!look.kills_for) look.kills_for = seen.kills_for;
      meter.due = Clock::now() + seen.next;
    }
    const auto due = std::ranges::min(meters, {}, &Meter::due).due;
    look.next = std::max(std::chrono::ceil<std::chrono::microseconds>(due - Clock::now()),
                         std::chrono::microseconds(0));
    return look;
  };
}

}  // namespace yett
