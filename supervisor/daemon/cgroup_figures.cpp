#include "supervisor/daemon/cgroup_figures.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

// v1 says "no limit" by a number that no memory has.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

// The number at the beginning of a file, or behind `key` at its beginning. 0: there is none.
std::uint64_t read_number(const std::string& path, std::string_view key = {}) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  if (!file.valid() || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  if (!std::string_view(text.data()).starts_with(key)) return 0;
  return std::strtoull(text.data() + key.size(), nullptr, 10);  // "max" is 0
}

// Where it was not found already.
void fill(std::uint64_t& into, const std::string& path, std::string_view key = {}) {
  if (into == 0) into = read_number(path, key);
}

}  // namespace

CgroupFigures read_figures(const std::vector<std::string>& cgroups) {
  CgroupFigures figures;
  std::uint64_t cpu_us = 0;
  for (const std::string& each : cgroups) {
    fill(figures.memory_bytes, each + "/memory.current");
    fill(figures.memory_bytes, each + "/memory.usage_in_bytes");
    fill(figures.memory_limit, each + "/memory.max");
    fill(figures.memory_limit, each + "/memory.limit_in_bytes");
    fill(figures.processes, each + "/pids.current");
    fill(figures.process_limit, each + "/pids.max");
    fill(figures.cpu_ns, each + "/cpuacct.usage");
    fill(cpu_us, each + "/cpu.stat", "usage_usec ");
  }
  if (figures.cpu_ns == 0) figures.cpu_ns = cpu_us * 1000;
  if (figures.memory_limit >= kNoLimit) figures.memory_limit = 0;
  return figures;
}

}  // namespace yett
