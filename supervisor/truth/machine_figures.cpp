#include "supervisor/truth/machine_figures.hpp"

#include <sched.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>

#include "sandbox/guard/cgroup_files.hpp"

namespace yett {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::array<double, 3> kLoadSeconds{60, 300, 900};

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kSecondNs + now.tv_nsec;
}

std::uint64_t figure(const CgroupText& cgroup, const char* file, const char* key) {
  return cgroup_figure(cgroup(file), key).value_or(0);
}

// v2's name of a file, or v1's where that one is not there.
std::uint64_t figure_of_either(const CgroupText& cgroup, const char* v2, const char* v1) {
  const auto found = cgroup_figure(cgroup(v2), "");
  return found ? *found : figure(cgroup, v1, "");
}

}  // namespace

std::vector<unsigned> first_cpus(unsigned count) {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    cpus.push_back(cpu);
    if (cpus.size() == count) break;
  }
  return cpus;
}

MachineGauge::MachineGauge(const SandboxPlan& plan)
    : began_ns_(now_ns(CLOCK_MONOTONIC)), looked_ns_(began_ns_) {
  take_limits(plan);
}

void MachineGauge::take_limits(const SandboxPlan& plan) {
  memory_limit_ = plan.cgroup.memory_bytes.value_or(0);
  swap_limit_ = plan.cgroup.swap_bytes.value_or(std::numeric_limits<std::uint64_t>::max());
  shown_ = first_cpus(plan.emulation.cpus);
}

MachineFigures MachineGauge::look(const CgroupText& cgroup) {
  MachineFigures figures{.memory = look_at_memory(cgroup), .cpu = look_at_cpu(cgroup)};
  figures.age_s = static_cast<double>(looked_ns_ - began_ns_) / kSecondNs;
  figures.processes = std::max<std::uint64_t>(figure(cgroup, "pids.current", ""), 1);
  figures.host_booted_s =
      static_cast<std::uint64_t>((now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME)) / kSecondNs);
  return figures;
}

MemoryFigures MachineGauge::look_at_memory(const CgroupText& cgroup) const {
  struct sysinfo host{};
  ::sysinfo(&host);  // fails for a bad pointer only
  const std::uint64_t unit = std::max(host.mem_unit, 1U);
  MemoryFigures memory{.total = host.totalram * unit, .by_kind = cgroup("memory.stat")};
  if (memory_limit_ != 0) memory.total = std::min(memory.total, memory_limit_);
  memory.used =
      std::min(memory.total, figure_of_either(cgroup, "memory.current", "memory.usage_in_bytes"));
  memory.swap_total = std::min<std::uint64_t>(host.totalswap * unit, swap_limit_);
  const auto swapped = cgroup_figure(cgroup("memory.swap.current"), "");
  memory.swap_used =
      std::min(memory.swap_total,
               swapped ? *swapped : cgroup_figure(memory.by_kind, "total_swap").value_or(0));
  return memory;
}

// The load is what was used of CPUs, averaged as the kernel averages what is runnable.
CpuFigures MachineGauge::look_at_cpu(const CgroupText& cgroup) {
  const std::string text = cgroup("cpu.stat");
  CpuFigures cpu{.shown = shown_};
  cpu.user_us = cgroup_figure(text, "user_usec").value_or(0);
  cpu.system_us = cgroup_figure(text, "system_usec").value_or(0);
  if (cpu.user_us + cpu.system_us == 0) cpu.user_us = figure(cgroup, "cpuacct.usage", "") / 1000;
  const std::int64_t now = now_ns(CLOCK_MONOTONIC);
  const double elapsed_s = static_cast<double>(now - looked_ns_) / kSecondNs;
  const std::uint64_t used_us = std::max(cpu.user_us + cpu.system_us, used_us_);
  if (elapsed_s > 0) {
    const double in_use = static_cast<double>(used_us - used_us_) / 1e6 / elapsed_s;
    for (std::size_t i = 0; i < load_.size(); ++i) {
      const double kept = std::exp(-elapsed_s / kLoadSeconds[i]);
      load_[i] = load_[i] * kept + in_use * (1 - kept);
    }
  }
  used_us_ = used_us;
  looked_ns_ = now;
  cpu.load = load_;
  return cpu;
}

}  // namespace yett
