// What the supervisor counts of a sandbox that has no cgroup.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/loop/supervise.hpp"
#include "supervisor/meter/cpu_meter.hpp"
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
  MeteredUsage usage;  // as last looked at
};

// `init` waits: of the app's nothing can hide its memory yet.
[[nodiscard]] Status start_metering(const SandboxPlan& plan, int init, Metering& metering);
// Looks at each where it is due; empty: nothing is counted. `metering` outlives it.
[[nodiscard]] std::function<MeterLook()> look_of(Metering& metering);

}  // namespace yett
