// What the supervisor counts of a sandbox that has no cgroup.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/loop/supervise.hpp"
#include "supervisor/meter/cpu_meter.hpp"
#include "supervisor/meter/disk_meter.hpp"
#include "supervisor/meter/memory_meter.hpp"

namespace yett {

// What the loop's thread saw when it last looked, for the threads that answer calls.
class MeteredUsage {
 public:
  void write(const SandboxUsage& usage) {
    memory_bytes_ = usage.memory_bytes;
    processes_ = usage.processes;
  }
  [[nodiscard]] SandboxUsage read() const {
    return {.memory_bytes = memory_bytes_, .processes = processes_};
  }

 private:
  std::atomic<std::uint64_t> memory_bytes_ = 0;
  std::atomic<std::uint64_t> processes_ = 0;
};

struct Metering {
  std::optional<MemoryMeter> memory;
  std::optional<CpuMeter> cpu;
  std::optional<DiskMeter> disk;
  MeteredUsage usage;  // as last looked at
};

// `init` waits: of the app's nothing can hide its memory yet.
// `room`: of a plan that counts what is on the disk.
[[nodiscard]] Status start_metering(const SandboxPlan& plan, int init,
                                    std::shared_ptr<DiskRoom> room, Metering& metering);
// Looks at each where it is due, always in one thread, which is scheduled in short turns from then
// on; empty: nothing is counted. `metering` outlives it.
[[nodiscard]] LookAtMeter look_of(Metering& metering);

}  // namespace yett
