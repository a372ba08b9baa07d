// What a container uses, from its cgroups' files, of either version: a value for whoever shows it.
// Figures that the host does not keep are 0 or empty.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sandbox/host/kernel_features.hpp"

namespace yett::oci {

struct CpuStatistics {  // nanoseconds
  std::uint64_t total = 0;
  std::uint64_t kernel = 0;
  std::uint64_t user = 0;
  std::vector<std::uint64_t> per_cpu;  // cgroup v1 alone keeps these three
  std::vector<std::uint64_t> per_cpu_kernel;
  std::vector<std::uint64_t> per_cpu_user;
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_time = 0;
};

// Bytes; no limit is the largest number that the kernel tells.
struct MemoryUse {
  std::uint64_t limit = 0;
  std::uint64_t usage = 0;
  std::uint64_t most = 0;
  std::uint64_t failures = 0;
};

struct MemoryStatistics {
  std::uint64_t cache = 0;
  MemoryUse memory;
  MemoryUse with_swap;  // memory and swap together
  MemoryUse kernel;
  MemoryUse kernel_tcp;
  std::map<std::string, std::uint64_t> raw;  // memory.stat
};

struct BlockIoFigure {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::string operation;  // "Read", "Write", ...
  std::uint64_t value = 0;
};

struct ContainerStatistics {
  CpuStatistics cpu;
  std::map<std::string, std::string> cpuset;  // v1: file name without "cpuset." -> text
  MemoryStatistics memory;
  std::uint64_t processes = 0;
  std::uint64_t process_limit = 0;  // 0: none
  std::vector<BlockIoFigure> io_bytes;
  std::vector<BlockIoFigure> io_operations;
  std::map<std::string, MemoryUse> huge_pages;  // by size, "2MB"
};

// `path` is the cgroup's below each hierarchy.
[[nodiscard]] ContainerStatistics read_container_statistics(const CgroupFeatures& features,
                                                            const std::string& path);

}  // namespace yett::oci
