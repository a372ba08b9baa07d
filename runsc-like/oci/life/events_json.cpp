// The document of `events --stats`: runc's names, and as runc does it what is 0 is left out where
// its reader takes a missing figure for 0.
#include <algorithm>

#include "base/text.hpp"
#include "runsc-like/oci/life/events.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett::oci {
namespace {

void unless_zero(JsonWriter& json, const char* name, std::uint64_t value) {
  if (value != 0) json.member(name, value);
}

void numbers(JsonWriter& json, const char* name, const std::vector<std::uint64_t>& values) {
  if (values.empty()) return;
  json.key(name).begin_array();
  for (const std::uint64_t value : values) json.value(value);
  json.end_array();
}

void write_cpu(JsonWriter& json, const CpuStatistics& cpu) {
  json.key("cpu").begin_object().key("usage").begin_object();
  unless_zero(json, "total", cpu.total);
  numbers(json, "percpu", cpu.per_cpu);
  numbers(json, "percpu_kernel", cpu.per_cpu_kernel);
  numbers(json, "percpu_user", cpu.per_cpu_user);
  json.member("kernel", cpu.kernel).member("user", cpu.user).end_object();
  json.key("throttling").begin_object();
  unless_zero(json, "periods", cpu.periods);
  unless_zero(json, "throttledPeriods", cpu.throttled_periods);
  unless_zero(json, "throttledTime", cpu.throttled_time);
  json.end_object().end_object();
}

std::uint64_t number_of(std::string_view text) { return parse_decimal(text).value_or(0); }

// "0-2,5" -> [0,1,2,5]
void write_list(JsonWriter& json, std::string_view text) {
  json.begin_array();
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t dash = part.find('-');
    const std::uint64_t first = number_of(part.substr(0, dash));
    const std::uint64_t last = dash == part.npos ? first : number_of(part.substr(dash + 1));
    for (std::uint64_t number = first; number <= last; ++number) json.value(number);
  }
  json.end_array();
}

void write_signed(JsonWriter& json, std::string_view text) {
  if (text.starts_with('-'))
    json.value(-static_cast<std::int64_t>(number_of(text.substr(1))));
  else
    json.value(number_of(text));
}

void write_cpuset(JsonWriter& json, const std::map<std::string, std::string>& cpuset) {
  json.key("cpuset").begin_object();
  for (const auto& [name, text] : cpuset) {
    json.key(name);
    if (name == "cpus" || name == "mems")
      write_list(json, text);
    else
      write_signed(json, text);
  }
  json.end_object();
}

void write_use(JsonWriter& json, const char* name, const MemoryUse& use) {
  json.key(name).begin_object().member("limit", use.limit);
  unless_zero(json, "usage", use.usage);
  unless_zero(json, "max", use.most);
  json.member("failcnt", use.failures).end_object();
}

void write_memory(JsonWriter& json, const MemoryStatistics& memory) {
  json.key("memory").begin_object();
  unless_zero(json, "cache", memory.cache);
  write_use(json, "usage", memory.memory);
  write_use(json, "swap", memory.with_swap);
  write_use(json, "kernel", memory.kernel);
  write_use(json, "kernelTCP", memory.kernel_tcp);
  json.key("raw").begin_object();
  for (const auto& [name, value] : memory.raw) json.member(name, value);
  json.end_object().end_object();
}

void write_figures(JsonWriter& json, const char* name, const std::vector<BlockIoFigure>& figures) {
  if (figures.empty()) return;
  json.key(name).begin_array();
  for (const BlockIoFigure& figure : figures) {
    json.begin_object();
    unless_zero(json, "major", figure.major);
    unless_zero(json, "minor", figure.minor);
    json.member("op", figure.operation);
    unless_zero(json, "value", figure.value);
    json.end_object();
  }
  json.end_array();
}

void write_huge_pages(JsonWriter& json, const std::map<std::string, MemoryUse>& sizes) {
  json.key("hugetlb").begin_object();
  for (const auto& [size, use] : sizes) {
    json.key(size).begin_object();
    unless_zero(json, "usage", use.usage);
    unless_zero(json, "max", use.most);
    json.member("failcnt", use.failures).end_object();
  }
  json.end_object();
}

}  // namespace

std::string statistics_event(const std::string& id, const ContainerStatistics& used) {
  JsonWriter json;
  json.begin_object().member("type", "stats").member("id", id).key("data").begin_object();
  write_cpu(json, used.cpu);
  write_cpuset(json, used.cpuset);
  write_memory(json, used.memory);
  json.key("pids").begin_object();
  unless_zero(json, "current", used.processes);
  unless_zero(json, "limit", used.process_limit);
  json.end_object().key("blkio").begin_object();
  write_figures(json, "ioServiceBytesRecursive", used.io_bytes);
  write_figures(json, "ioServicedRecursive", used.io_operations);
  json.end_object();
  write_huge_pages(json, used.huge_pages);
  json.key("intel_rdt").begin_object().end_object();
  json.key("network_interfaces").null();
  return json.end_object().end_object().text();
}

}  // namespace yett::oci
