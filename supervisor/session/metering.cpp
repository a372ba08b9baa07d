#include "supervisor/session/metering.hpp"

#include <algorithm>
#include <utility>

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

Result<SandboxProcesses> processes_of(const SandboxPlan& plan, int init) {
  return plan.mode == Mode::fallback ? SandboxProcesses::open_below(init)
                                     : SandboxProcesses::open(init);
}

MeterLook look_at_memory(Metering& metering) {
  const MemoryMeter::Look look = metering.memory->look();
  metering.usage.write({.memory_bytes = look.bytes, .processes = look.processes});
  return MeterLook{.over = look.over, .next = look.next};
}

}  // namespace

Status start_metering(const SandboxPlan& plan, int init, Metering& metering) {
  if (plan.meter.cpus) {
    YETT_TRY(SandboxProcesses processes, processes_of(plan, init));
    metering.cpu.emplace(std::move(processes), *plan.meter.cpus);
  }
  if (plan.meter.memory_bytes) {
    YETT_TRY(SandboxProcesses processes, processes_of(plan, init));
    metering.memory.emplace(std::move(processes), *plan.meter.memory_bytes);
  }
  return {};
}

std::function<MeterLook()> look_of(Metering& metering) {
  if (!metering.cpu && !metering.memory) return {};
  if (!metering.cpu) return [&metering] { return look_at_memory(metering); };
  return [&metering, cpu_due = Clock::time_point(), memory_due = Clock::time_point()]() mutable {
    MeterLook look;
    if (Clock::now() >= cpu_due) {
      const CpuMeter::Look cpu = metering.cpu->look();
      look.unheld = cpu.over;
      cpu_due = Clock::now() + cpu.next;
    }
    if (metering.memory && Clock::now() >= memory_due) {
      const MeterLook memory = look_at_memory(metering);
      look.over = memory.over;
      memory_due = Clock::now() + memory.next;
    }
    const auto due = metering.memory ? std::min(cpu_due, memory_due) : cpu_due;
    look.next = std::max(std::chrono::ceil<std::chrono::microseconds>(due - Clock::now()),
                         std::chrono::microseconds(0));
    return look;
  };
}

}  // namespace yett
