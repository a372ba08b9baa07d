#include <fmt/format.h>

#include <algorithm>

#include "runsc-like/oci/config/read_parts.hpp"

namespace yett::oci {

// -1, which engines write for "every one", reads as absent.
static void read_device_number(const Field& field, std::optional<std::int64_t>& number) {
  read_number(field, number, std::int64_t{-1}, std::int64_t{UINT32_MAX});
  if (number == -1) number.reset();
}

static void read(const Field& field, DeviceRule& rule) {
  if (!is_object(field)) return;
  read(field.require("allow"), rule.allow);
  std::string type;
  read(field["type"], type);
  if (!type.empty()) rule.type = type[0];
  if (type.size() > 1 || std::string_view("abc").find(rule.type) == std::string_view::npos)
    field["type"].reject(fmt::format("'{}' is no type of device", type), "a, b or c");
  read_device_number(field["major"], rule.major);
  read_device_number(field["minor"], rule.minor);
  read(field["access"], rule.access);
  if (rule.access.find_first_not_of("rwm") != std::string::npos)
    field["access"].reject(fmt::format("'{}' is no access", rule.access), "of r, w and m");
}

static void read(const Field& field, Memory& memory) {
  if (!is_object(field)) return;
  constexpr std::int64_t kUnlimited = -1;
  read_number(field["limit"], memory.limit, kUnlimited, INT64_MAX);
  read_number(field["reservation"], memory.reservation, kUnlimited, INT64_MAX);
  read_number(field["swap"], memory.swap, kUnlimited, INT64_MAX);
  read_number(field["kernel"], memory.kernel, kUnlimited, INT64_MAX);
  read_number(field["kernelTCP"], memory.kernel_tcp, kUnlimited, INT64_MAX);
  read_number(field["swappiness"], memory.swappiness, std::uint64_t{0}, std::uint64_t{100});
  read(field["disableOOMKiller"], memory.disable_oom_killer);
  read(field["useHierarchy"], memory.use_hierarchy);
  read(field["checkBeforeUpdate"], memory.check_before_update);
  if (memory.kernel.value_or(0) > 0)
    field["kernel"].warn("a limit of kernel memory has no effect since Linux 5.4");
  if (memory.swap.value_or(0) > 0 && memory.limit.value_or(0) > *memory.swap)
    field["swap"].reject("is memory and swap together, and less than limit",
                         "make it at least limit");
}

static void read(const Field& field, Cpu& cpu) {
  if (!is_object(field)) return;
  read(field["shares"], cpu.shares);
  read_number(field["quota"], cpu.quota, std::int64_t{-1}, INT64_MAX);
  read(field["burst"], cpu.burst);
  read(field["period"], cpu.period);
  read_number(field["realtimeRuntime"], cpu.realtime_runtime, std::int64_t{-1}, INT64_MAX);
  read(field["realtimePeriod"], cpu.realtime_period);
  read(field["cpus"], cpu.cpus);
  check_number_list(field["cpus"], cpu.cpus);
  read(field["mems"], cpu.mems);
  check_number_list(field["mems"], cpu.mems);
  read_number(field["idle"], cpu.idle, std::int64_t{0}, std::int64_t{1});
}

template <typename Entry>
static void read_block_device(const Field& field, Entry& device) {
  read_number(field.require("major"), device.major, std::int64_t{0}, std::int64_t{UINT32_MAX});
  read_number(field.require("minor"), device.minor, std::int64_t{0}, std::int64_t{UINT32_MAX});
}

// The specification's range; 0 is what engines write for "not set".
static void read_weight(const Field& field, std::optional<std::uint16_t>& weight) {
  read(field, weight);
  if (weight == 0) weight.reset();
  if (weight && (*weight < 10 || *weight > 1000))
    field.reject(fmt::format("is {}; 10 to 1000 is needed", *weight));
}

static void read(const Field& field, WeightDevice& device) {
  if (!is_object(field)) return;
  read_block_device(field, device);
  read_weight(field["weight"], device.weight);
  read_weight(field["leafWeight"], device.leaf_weight);
  if (!field["weight"].there() && !field["leafWeight"].there())
    field.reject("has neither weight nor leafWeight", "give one of them");
}

static void read(const Field& field, ThrottleDevice& device) {
  if (!is_object(field)) return;
  read_block_device(field, device);
  read(field.require("rate"), device.rate);
}

static void read(const Field& field, BlockIo& block_io) {
  if (!is_object(field)) return;
  read_weight(field["weight"], block_io.weight);
  read_weight(field["leafWeight"], block_io.leaf_weight);
  read(field["weightDevice"], block_io.weight_device);
  read(field["throttleReadBpsDevice"], block_io.throttle_read_bps_device);
  read(field["throttleWriteBpsDevice"], block_io.throttle_write_bps_device);
  read(field["throttleReadIOPSDevice"], block_io.throttle_read_iops_device);
  read(field["throttleWriteIOPSDevice"], block_io.throttle_write_iops_device);
}

// "64KB", "2MB", "1GB": no leading zero.
static bool is_page_size(std::string_view text) {
  if (text.size() < 3 || !text.ends_with('B')) return false;
  text.remove_suffix(1);
  if (std::string_view("KMG").find(text.back()) == std::string_view::npos) return false;
  text.remove_suffix(1);
  return text[0] != '0' && text.find_first_not_of("0123456789") == std::string_view::npos;
}

static void read(const Field& field, HugepageLimit& limit) {
  if (!is_object(field)) return;
  read(field.require("pageSize"), limit.page_size);
  if (field["pageSize"].there() && !is_page_size(limit.page_size))
    field["pageSize"].reject(fmt::format("'{}' is no size of a page", limit.page_size),
                             "like 64KB, 2MB or 1GB");
  read(field.require("limit"), limit.limit);
}

static void read(const Field& field, InterfacePriority& priority) {
  if (!is_object(field)) return;
  read(field.require("name"), priority.name);
  if (field["name"].there() && priority.name.empty()) field["name"].reject("is empty");
  // One line each in net_prio.ifpriomap, "NAME PRIORITY".
  if (priority.name.find_first_of(" \t\n") != std::string::npos)
    field["name"].reject("holds white space");
  read(field.require("priority"), priority.priority);
}

static void read(const Field& field, Network& network) {
  if (!is_object(field)) return;
  read(field["classID"], network.class_id);
  read(field["priorities"], network.priorities);
}

static void read(const Field& field, Rdma& rdma) {
  if (!is_object(field)) return;
  read(field["hcaHandles"], rdma.hca_handles);
  read(field["hcaObjects"], rdma.hca_objects);
  if (!field["hcaHandles"].there() && !field["hcaObjects"].there())
    field.reject("has neither hcaHandles nor hcaObjects", "give one of them");
}

// Names become files of the cgroup's directory. SECURITY(cgroup-file-names)
static void check_unified(const Field& field, const std::map<std::string, std::string>& files) {
  for (const auto& [name, value] : files) {
    const bool plain = name.find('/') == std::string::npos && !name.starts_with('.');
    if (!plain || name.find('.') == std::string::npos)
      field[name].reject("is no file of a controller", "CONTROLLER.PARAMETER, without a slash");
    else if (name.starts_with("cgroup.") && !name.starts_with("cgroup.max."))
      field[name].reject("belongs to the runtime, not to a controller", "leave it out");
  }
}

void read(const Field& field, Resources& resources) {
  if (!is_object(field)) return;
  read(field["devices"], resources.devices);
  read(field["memory"], resources.memory);
  read(field["cpu"], resources.cpu);
  const Field pids = field["pids"];
  if (pids.there() && is_object(pids)) read(pids["limit"], resources.pids_limit);
  read(field["blockIO"], resources.block_io);
  read(field["hugepageLimits"], resources.hugepage_limits);
  read(field["network"], resources.network);
  read(field["rdma"], resources.rdma);
  read(field["unified"], resources.unified);
  check_unified(field["unified"], resources.unified);
}

}  // namespace yett::oci
