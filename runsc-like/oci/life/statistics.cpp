#include "runsc-like/oci/life/statistics.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/guard/cgroup_files.hpp"

namespace yett::oci {
namespace {

constexpr std::uint64_t kNanosecondsPerMicrosecond = 1000;

// The words of a text, line by line.
std::vector<std::vector<std::string>> words_of(const std::string& text) {
  std::vector<std::vector<std::string>> lines(1);
  std::string word;
  for (const char byte : text) {
    if (byte != ' ' && byte != '\n') {
      word += byte;
      continue;
    }
    if (!word.empty()) lines.back().push_back(std::exchange(word, {}));
    if (byte == '\n') lines.emplace_back();
  }
  if (!word.empty()) lines.back().push_back(word);
  std::erase_if(lines, [](const auto& line) { return line.empty(); });
  return lines;
}

std::uint64_t number_of(const std::string& word) {
  if (word == "max") return UINT64_MAX;
  return parse_decimal(word).value_or(0);
}

// One controller's directory of one container.
class Files {
 public:
  Files(const CgroupFeatures& features, const std::string& controller, const std::string& path)
      : directory_(cgroup_directory_of(features, controller, path)),
        v2_(controller_is_v2(features, controller)) {}
  [[nodiscard]] bool v2() const { return v2_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string text(const std::string& file) const {
    return directory_.empty() ? std::string() : read_cgroup_file(directory_, file);
  }
  [[nodiscard]] std::vector<std::vector<std::string>> lines(const std::string& file) const {
    return words_of(text(file));
  }
  [[nodiscard]] std::uint64_t number(const std::string& file) const {
    const auto read = lines(file);
    return read.empty() ? 0 : number_of(read.front().front());
  }
  [[nodiscard]] std::uint64_t figure(const std::string& file, std::string_view key) const {
    return cgroup_figure(text(file), key).value_or(0);
  }

 private:
  std::string directory_;
  bool v2_;
};

void read_cpu_v2(const Files& cpu, CpuStatistics& read) {
  const auto time = [&cpu](const char* key) {
    return cpu.figure("cpu.stat", key) * kNanosecondsPerMicrosecond;
  };
  read.total = time("usage_usec");
  read.kernel = time("system_usec");
  read.user = time("user_usec");
  read.throttled_time = time("throttled_usec");
}

void read_cpu_v1(const Files& cpu, const Files& account, CpuStatistics& read) {
  const std::uint64_t tick = 1'000'000'000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  read.total = account.number("cpuacct.usage");
  read.kernel = account.figure("cpuacct.stat", "system") * tick;
  read.user = account.figure("cpuacct.stat", "user") * tick;
  read.throttled_time = cpu.figure("cpu.stat", "throttled_time");
  for (const auto& line : account.lines("cpuacct.usage_percpu"))
    for (const std::string& word : line) read.per_cpu.push_back(number_of(word));
  for (const auto& line : account.lines("cpuacct.usage_all")) {
    if (line.size() < 3 || line[0] == "cpu") continue;
    read.per_cpu_user.push_back(number_of(line[1]));
    read.per_cpu_kernel.push_back(number_of(line[2]));
  }
}

CpuStatistics read_cpu(const CgroupFeatures& features, const std::string& path) {
  // cpu.stat of v2 is there without the controller.
  const Files cpu(features, controller_is_v2(features, "cpu") ? "cgroup" : "cpu", path);
  CpuStatistics read;
  read.periods = cpu.figure("cpu.stat", "nr_periods");
  read.throttled_periods = cpu.figure("cpu.stat", "nr_throttled");
  if (cpu.v2())
    read_cpu_v2(cpu, read);
  else
    read_cpu_v1(cpu, Files(features, "cpuacct", path), read);
  return read;
}

std::map<std::string, std::string> read_cpuset(const CgroupFeatures& features,
                                               const std::string& path) {
  std::map<std::string, std::string> read;
  const Files cpuset(features, "cpuset", path);
  if (cpuset.v2()) return read;
  for (const char* name : {"cpus", "cpu_exclusive", "mems", "mem_hardwall", "mem_exclusive",
                           "memory_migrate", "memory_spread_page", "memory_spread_slab",
                           "memory_pressure", "sched_load_balance", "sched_relax_domain_level"}) {
    const auto lines = cpuset.lines(std::string("cpuset.") + name);
    if (!lines.empty()) read[name] = lines.front().front();
  }
  return read;
}

MemoryUse read_use_v1(const Files& memory, const std::string& prefix) {
  return {.limit = memory.number(prefix + "limit_in_bytes"),
          .usage = memory.number(prefix + "usage_in_bytes"),
          .most = memory.number(prefix + "max_usage_in_bytes"),
          .failures = memory.number(prefix + "failcnt")};
}

std::uint64_t sum_of_limits(std::uint64_t one, std::uint64_t other) {
  return one == UINT64_MAX || other == UINT64_MAX ? UINT64_MAX : one + other;
}

void read_memory_v2(const Files& files, MemoryStatistics& read) {
  read.cache = files.figure("memory.stat", "file");
  read.memory = {.limit = files.number("memory.max"),
                 .usage = files.number("memory.current"),
                 .most = files.number("memory.peak"),
                 .failures = files.figure("memory.events", "max")};
  read.with_swap = {.limit = sum_of_limits(read.memory.limit, files.number("memory.swap.max")),
                    .usage = read.memory.usage + files.number("memory.swap.current"),
                    .failures = files.figure("memory.swap.events", "fail")};
}

void read_memory_v1(const Files& files, MemoryStatistics& read) {
  read.cache = files.figure("memory.stat", "cache");
  read.memory = read_use_v1(files, "memory.");
  read.with_swap = read_use_v1(files, "memory.memsw.");
  read.kernel = read_use_v1(files, "memory.kmem.");
  read.kernel_tcp = read_use_v1(files, "memory.kmem.tcp.");
}

MemoryStatistics read_memory(const CgroupFeatures& features, const std::string& path) {
  const Files files(features, "memory", path);
  MemoryStatistics read;
  for (const auto& line : files.lines("memory.stat"))
    if (line.size() == 2) read.raw[line[0]] = number_of(line[1]);
  if (files.v2())
    read_memory_v2(files, read);
  else
    read_memory_v1(files, read);
  return read;
}

std::optional<BlockIoFigure> device_of(const std::string& word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return BlockIoFigure{.major = number_of(word.substr(0, colon)),
                       .minor = number_of(word.substr(colon + 1)),
                       .operation = {}};
}

// "8:0 Read 4096"
std::vector<BlockIoFigure> read_io_v1(const Files& files, const char* file) {
  std::vector<BlockIoFigure> read;
  for (const auto& line : files.lines(file)) {
    auto figure = device_of(line.front());
    if (!figure || line.size() != 3) continue;  // the last line is the sum of all devices
    figure->operation = line[1];
    figure->value = number_of(line[2]);
    read.push_back(*figure);
  }
  return read;
}

// "8:0 rbytes=4096 wbytes=0 rios=1 ..."
void read_io_v2(const Files& files, ContainerStatistics& read) {
  for (const auto& line : files.lines("io.stat")) {
    auto figure = device_of(line.front());
    if (!figure) continue;
    for (const std::string& word : line) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) continue;
      const std::string key = word.substr(0, equals);
      figure->value = number_of(word.substr(equals + 1));
      figure->operation = key.starts_with('r')   ? "Read"
                          : key.starts_with('w') ? "Write"
                                                 : "Discard";
      (key.ends_with("bytes") ? read.io_bytes : read.io_operations).push_back(*figure);
    }
  }
}

void read_io(const CgroupFeatures& features, const std::string& path, ContainerStatistics& read) {
  const bool v2 = controller_is_v2(features, "blkio");
  const Files files(features, v2 ? "io" : "blkio", path);
  if (v2) return read_io_v2(files, read);
  read.io_bytes = read_io_v1(files, "blkio.throttle.io_service_bytes_recursive");
  read.io_operations = read_io_v1(files, "blkio.throttle.io_serviced_recursive");
}

// Each size has a file "hugetlb.2MB.usage_in_bytes", of v2 "hugetlb.2MB.current".
std::map<std::string, MemoryUse> read_huge_pages(const CgroupFeatures& features,
                                                 const std::string& path) {
  constexpr std::string_view kPrefix = "hugetlb.";
  std::map<std::string, MemoryUse> read;
  const Files files(features, "hugetlb", path);
  const std::string_view suffix = files.v2() ? ".current" : ".usage_in_bytes";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(files.directory(), ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix) || !name.ends_with(suffix)) continue;
    const std::string size =
        name.substr(kPrefix.size(), name.size() - kPrefix.size() - suffix.size());
    if (size.find('.') != std::string::npos) continue;  // reservations
    const std::string prefix = std::string(kPrefix) + size + ".";
    read[size] = files.v2() ? MemoryUse{.usage = files.number(prefix + "current"),
                                        .failures = files.figure(prefix + "events", "max")}
                            : read_use_v1(files, prefix);
  }
  return read;
}

}  // namespace

ContainerStatistics read_container_statistics(const CgroupFeatures& features,
                                              const std::string& path) {
  ContainerStatistics read;
  read.cpu = read_cpu(features, path);
  read.cpuset = read_cpuset(features, path);
  read.memory = read_memory(features, path);
  const Files processes(features, "pids", path);
  read.processes = processes.number("pids.current");
  const std::uint64_t limit = processes.number("pids.max");
  read.process_limit = limit == UINT64_MAX ? 0 : limit;
  read_io(features, path, read);
  read.huge_pages = read_huge_pages(features, path);
  return read;
}

}  // namespace yett::oci
