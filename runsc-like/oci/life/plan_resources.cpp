#include "runsc-like/oci/life/plan_resources.hpp"

#include <algorithm>
#include <string>

namespace yett::oci {
namespace {

template <typename Value>
bool is_asked(const std::optional<Value>& value) {
  return value && *value != 0;
}

class Settings {
 public:
  explicit Settings(const CgroupFeatures& features) : features_(features) {}

  [[nodiscard]] bool v2(const std::string& controller) const {
    return controller_is_v2(features_, controller);
  }
  void add(const std::string& controller, const std::string& file, std::string value) {
    list_.push_back({controller, file, std::move(value)});
  }
  template <typename Value>
  void add_number(const std::string& controller, const char* file,
                  const std::optional<Value>& value) {
    if (value) add(controller, file, std::to_string(*value));
  }
  // For what has no meaning as 0: engines write that for what they do not ask for.
  template <typename Value>
  void add_asked(const std::string& controller, const char* file,
                 const std::optional<Value>& value) {
    if (is_asked(value)) add_number(controller, file, value);
  }
  // A first attempt at what is written again after the value it depends on: whether the one or the
  // other has to go first depends on what both are now.
  void add_early(const std::string& controller, const std::string& file, std::string value) {
    list_.push_back({controller, file, std::move(value), SettingFailure::ignored});
  }
  [[nodiscard]] std::vector<CgroupSetting> take() { return std::move(list_); }

 private:
  const CgroupFeatures& features_;
  std::vector<CgroupSetting> list_;
};

std::string or_max(std::int64_t value) { return value < 0 ? "max" : std::to_string(value); }

// A value that only cgroup v1 can hold: an error where the controller is of v2.
Status refuse_in_v2(bool asked, const char* name) {
  if (!asked) return {};
  return fail(host_error("/linux/resources/" + std::string(name), "cgroup v2 has nothing like it",
                         "leave it out"));
}

constexpr std::uint64_t kSwappinessAsItIs = UINT64_MAX;  // -1 where it was signed

Status add_memory_v2(const Memory& memory, Settings& settings) {
  const bool swappiness = is_asked(memory.swappiness) && memory.swappiness != kSwappinessAsItIs;
  YETT_CHECK(refuse_in_v2(swappiness, "memory/swappiness"));
  YETT_CHECK(refuse_in_v2(memory.kernel_tcp.value_or(0) > 0, "memory/kernelTCP"));
  YETT_CHECK(refuse_in_v2(memory.disable_oom_killer.value_or(false), "memory/disableOOMKiller"));
  if (is_asked(memory.swap) && *memory.swap > 0) {
    if (!memory.limit || *memory.limit <= 0 || *memory.swap < *memory.limit)
      return fail(request_error("/linux/resources/memory/swap",
                                "counts memory too, and is less than the limit"));
    settings.add("memory", "memory.swap.max", std::to_string(*memory.swap - *memory.limit));
  } else if (is_asked(memory.swap)) {
    settings.add("memory", "memory.swap.max", "max");
  }
  if (is_asked(memory.limit)) settings.add("memory", "memory.max", or_max(*memory.limit));
  if (is_asked(memory.reservation))
    settings.add("memory", "memory.low", or_max(*memory.reservation));
  return {};
}

// Memory may never be above memory and swap together, at no moment of a change.
void add_limits_v1(const Memory& memory, Settings& settings) {
  constexpr const char* kBoth = "memory.memsw.limit_in_bytes";
  std::optional<std::int64_t> both = memory.swap;
  if (!is_asked(both) && memory.limit && *memory.limit < 0) both = -1;
  if (is_asked(both) && is_asked(memory.limit))
    settings.add_early("memory", kBoth, std::to_string(*both));
  settings.add_asked("memory", "memory.limit_in_bytes", memory.limit);
  if (is_asked(memory.swap)) settings.add_number("memory", kBoth, both);
}

Status add_memory(const Memory& memory, Settings& settings) {
  if (settings.v2("memory")) return add_memory_v2(memory, settings);
  add_limits_v1(memory, settings);
  settings.add_asked("memory", "memory.soft_limit_in_bytes", memory.reservation);
  settings.add_asked("memory", "memory.kmem.tcp.limit_in_bytes", memory.kernel_tcp);
  if (memory.swappiness != kSwappinessAsItIs)
    settings.add_number("memory", "memory.swappiness", memory.swappiness);
  if (memory.disable_oom_killer && *memory.disable_oom_killer)
    settings.add("memory", "memory.oom_control", "1");
  return {};
}

// 2..262144 shares as a weight of 1..10000, as every runtime converts them.
std::uint64_t weight_of(std::uint64_t shares) {
  const std::uint64_t bounded = std::clamp<std::uint64_t>(shares, 2, 262144);
  return 1 + (bounded - 2) * 9999 / 262142;
}

Status add_cpu_v2(const Cpu& cpu, Settings& settings) {
  YETT_CHECK(refuse_in_v2(is_asked(cpu.realtime_period), "cpu/realtimePeriod"));
  YETT_CHECK(refuse_in_v2(is_asked(cpu.realtime_runtime), "cpu/realtimeRuntime"));
  if (is_asked(cpu.shares))
    settings.add("cpu", "cpu.weight", std::to_string(weight_of(*cpu.shares)));
  if (is_asked(cpu.quota) || is_asked(cpu.period)) {
    constexpr std::uint64_t kUsualPeriod = 100000;
    const std::string quota = cpu.quota && *cpu.quota > 0 ? std::to_string(*cpu.quota) : "max";
    const std::uint64_t period = is_asked(cpu.period) ? *cpu.period : kUsualPeriod;
    settings.add("cpu", "cpu.max", quota + " " + std::to_string(period));
  }
  settings.add_number("cpu", "cpu.max.burst", cpu.burst);
  return {};
}

Status add_cpu(const Cpu& cpu, Settings& settings) {
  if (settings.v2("cpu")) {
    YETT_CHECK(add_cpu_v2(cpu, settings));
  } else {
    settings.add_asked("cpu", "cpu.shares", cpu.shares);
    if (is_asked(cpu.period))
      settings.add_early("cpu", "cpu.cfs_period_us", std::to_string(*cpu.period));
    if (is_asked(cpu.quota))
      settings.add("cpu", "cpu.cfs_quota_us", std::to_string(*cpu.quota > 0 ? *cpu.quota : -1));
    settings.add_asked("cpu", "cpu.cfs_period_us", cpu.period);
    settings.add_number("cpu", "cpu.cfs_burst_us", cpu.burst);
    settings.add_asked("cpu", "cpu.rt_period_us", cpu.realtime_period);
    settings.add_asked("cpu", "cpu.rt_runtime_us", cpu.realtime_runtime);
  }
  settings.add_number("cpu", "cpu.idle", cpu.idle);
  if (!cpu.cpus.empty()) settings.add("cpuset", "cpuset.cpus", cpu.cpus);
  if (!cpu.mems.empty()) settings.add("cpuset", "cpuset.mems", cpu.mems);
  return {};
}

template <typename Device>
std::string device_number(const Device& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
}

void add_throttle(const std::vector<ThrottleDevice>& devices, const char* v1_file,
                  const char* v2_key, Settings& settings) {
  const bool v2 = settings.v2("blkio");
  for (const ThrottleDevice& device : devices)
    settings.add(v2 ? "io" : "blkio", v2 ? "io.max" : v1_file,
                 device_number(device) + (v2 ? v2_key : "") + std::to_string(device.rate));
}

// 10..1000 as v2's 1..10000.
std::string io_weight(std::uint16_t weight, bool v2) {
  return std::to_string(v2 ? 1 + (weight - 10U) * 9999 / 990 : weight);
}

Status add_weights(const BlockIo& io, Settings& settings) {
  const bool v2 = settings.v2("blkio");
  const char* controller = v2 ? "io" : "blkio";
  if (v2) YETT_CHECK(refuse_in_v2(is_asked(io.leaf_weight), "blockIO/leafWeight"));
  if (is_asked(io.weight))
    settings.add(controller, v2 ? "io.weight" : "blkio.weight", io_weight(*io.weight, v2));
  settings.add_asked("blkio", "blkio.leaf_weight", io.leaf_weight);
  for (const WeightDevice& device : io.weight_device) {
    if (v2) YETT_CHECK(refuse_in_v2(is_asked(device.leaf_weight), "blockIO/weightDevice"));
    if (is_asked(device.weight))
      settings.add(controller, v2 ? "io.weight" : "blkio.weight_device",
                   device_number(device) + io_weight(*device.weight, v2));
    if (is_asked(device.leaf_weight))
      settings.add("blkio", "blkio.leaf_weight_device",
                   device_number(device) + std::to_string(*device.leaf_weight));
  }
  return {};
}

Status add_block_io(const BlockIo& io, Settings& settings) {
  YETT_CHECK(add_weights(io, settings));
  add_throttle(io.throttle_read_bps_device, "blkio.throttle.read_bps_device", "rbps=", settings);
  add_throttle(io.throttle_write_bps_device, "blkio.throttle.write_bps_device", "wbps=", settings);
  add_throttle(io.throttle_read_iops_device, "blkio.throttle.read_iops_device", "riops=", settings);
  add_throttle(io.throttle_write_iops_device, "blkio.throttle.write_iops_device",
               "wiops=", settings);
  return {};
}

void add_others(const Resources& resources, Settings& settings) {
  if (is_asked(resources.pids_limit)) {
    const std::int64_t limit = *resources.pids_limit;
    settings.add("pids", "pids.max", limit > 0 ? std::to_string(limit) : "max");
  }
  for (const HugepageLimit& limit : resources.hugepage_limits)
    settings.add(
        "hugetlb",
        "hugetlb." + limit.page_size + (settings.v2("hugetlb") ? ".max" : ".limit_in_bytes"),
        std::to_string(limit.limit));
  if (!resources.network) return;
  settings.add_number("net_cls", "net_cls.classid", resources.network->class_id);
  for (const InterfacePriority& each : resources.network->priorities)
    settings.add("net_prio", "net_prio.ifpriomap", each.name + " " + std::to_string(each.priority));
}

void add_rdma(const Resources& resources, Settings& settings) {
  for (const auto& [device, limits] : resources.rdma) {
    std::string line = device;
    if (limits.hca_handles) line += " hca_handle=" + std::to_string(*limits.hca_handles);
    if (limits.hca_objects) line += " hca_object=" + std::to_string(*limits.hca_objects);
    settings.add("rdma", "rdma.max", line);
  }
}

}  // namespace

Result<std::vector<CgroupSetting>> plan_resources(const Resources& resources,
                                                  const CgroupFeatures& features) {
  Settings settings(features);
  if (resources.memory) YETT_CHECK(add_memory(*resources.memory, settings));
  if (resources.cpu) YETT_CHECK(add_cpu(*resources.cpu, settings));
  if (resources.block_io) YETT_CHECK(add_block_io(*resources.block_io, settings));
  add_others(resources, settings);
  add_rdma(resources, settings);
  for (const auto& [file, value] : resources.unified) {
    const std::string controller = file.substr(0, file.find('.'));
    if (!settings.v2(controller))
      return fail(host_error("/linux/resources/unified/" + file,
                             "this host has the controller in cgroup v1"));
    settings.add(controller, file, value);
  }
  return settings.take();
}

}  // namespace yett::oci
