#include "sandbox/guard/cgroup_limits.hpp"

#include <algorithm>
#include <cmath>

namespace yett {
namespace {

constexpr std::uint64_t kPeriodUs = 100'000;  // the kernel's default

std::string quota_us(double cpus) {
  constexpr double kSmallest = 1000;  // the kernel refuses quotas below 1 ms
  return std::to_string(std::llround(std::max(cpus * static_cast<double>(kPeriodUs), kSmallest)));
}

void add_memory_v1(std::vector<CgroupLimitFile>& files, const CgroupPlan& plan) {
  if (!plan.memory_bytes) return;
  files.push_back({"memory", "memory.limit_in_bytes", std::to_string(*plan.memory_bytes)});
  if (plan.swap_bytes)  // v1 limits memory and swap together
    files.push_back({"memory", "memory.memsw.limit_in_bytes",
                     std::to_string(*plan.memory_bytes + *plan.swap_bytes),
                     WhenAbsent::ignore_without_swap});
}

void add_memory_v2(std::vector<CgroupLimitFile>& files, const CgroupPlan& plan) {
  if (plan.memory_bytes)
    files.push_back({"memory", "memory.max", std::to_string(*plan.memory_bytes)});
  if (plan.swap_bytes)
    files.push_back({"memory", "memory.swap.max", std::to_string(*plan.swap_bytes),
                     WhenAbsent::ignore_without_swap});
}

}  // namespace

std::vector<CgroupLimitFile> cgroup_limit_files(const CgroupPlan& plan, CgroupVersion version) {
  std::vector<CgroupLimitFile> files;
  const bool v1 = version == CgroupVersion::v1;
  v1 ? add_memory_v1(files, plan) : add_memory_v2(files, plan);
  if (plan.pids) files.push_back({"pids", "pids.max", std::to_string(*plan.pids)});
  if (plan.cpus && v1) {
    files.push_back({"cpu", "cpu.cfs_period_us", std::to_string(kPeriodUs)});
    files.push_back({"cpu", "cpu.cfs_quota_us", quota_us(*plan.cpus)});
  }
  if (plan.cpus && !v1)
    files.push_back({"cpu", "cpu.max", quota_us(*plan.cpus) + " " + std::to_string(kPeriodUs)});
  return files;
}

}  // namespace yett
