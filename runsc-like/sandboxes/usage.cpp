#include "runsc-like/sandboxes/usage.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/host/read_file.hpp"

namespace yett {
namespace {

using Number = std::optional<std::uint64_t>;
using Directories = std::vector<std::string>;

// Of the first directory that has the file and a number in it.
Number read_number(const Directories& cgroups, const char* file) {
  for (const std::string& directory : cgroups)
    if (const auto text = read_line_file(directory + "/" + file))
      if (const auto number = parse_decimal(*text)) return number;
  return std::nullopt;
}

// "key 123" in a file of such lines.
Number read_key(const Directories& cgroups, const char* file, std::string_view key) {
  for (const std::string& directory : cgroups) {
    const auto text = read_file(directory + "/" + file);
    for (std::string_view rest = text ? *text : std::string_view(); !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      const std::size_t space = line.find(' ');
      if (line.substr(0, space) == key && space != std::string_view::npos)
        return parse_decimal(line.substr(space + 1));
    }
  }
  return std::nullopt;
}

Number first_of(Number one, Number other) { return one ? one : other; }

// v1 says "no limit" by a number that no memory has.
Number memory_limit(const Directories& cgroups) {
  constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;
  const Number limit =
      first_of(read_number(cgroups, "memory.max"), read_number(cgroups, "memory.limit_in_bytes"));
  return limit && *limit < kNoLimit ? limit : std::nullopt;
}

// Resident pages, shared ones counted for each.
std::uint64_t resident_bytes(const Directories& cgroups) {
  std::uint64_t pages = 0;
  for (const int pid : cgroup_processes(cgroups).value_or(std::vector<int>())) {
    const auto text = read_line_file("/proc/" + std::to_string(pid) + "/statm");
    const std::size_t begin = text ? text->find(' ') : std::string::npos;
    if (begin == std::string::npos) continue;
    const std::size_t end = text->find(' ', begin + 1);
    pages += parse_decimal(std::string_view(*text).substr(begin + 1, end - begin - 1)).value_or(0);
  }
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t memory_bytes(const Directories& cgroups) {
  const Number used = first_of(read_number(cgroups, "memory.current"),
                               read_number(cgroups, "memory.usage_in_bytes"));
  if (!used) return resident_bytes(cgroups);
  const Number droppable = first_of(read_key(cgroups, "memory.stat", "total_inactive_file"),
                                    read_key(cgroups, "memory.stat", "inactive_file"));
  return *used - std::min(*used, droppable.value_or(0));
}

std::uint64_t cpu_ns(const Directories& cgroups) {
  if (const Number microseconds = read_key(cgroups, "cpu.stat", "usage_usec"))
    return *microseconds * 1000;
  return read_number(cgroups, "cpuacct.usage").value_or(0);
}

}  // namespace

ResourceUsage read_usage(const Directories& cgroups) {
  ResourceUsage usage{.cpu_ns = cpu_ns(cgroups),
                      .memory_bytes = memory_bytes(cgroups),
                      .memory_limit = memory_limit(cgroups),
                      .processes_limit = read_number(cgroups, "pids.max")};
  const Number counted = read_number(cgroups, "pids.current");
  usage.processes =
      counted ? *counted : cgroup_processes(cgroups).value_or(std::vector<int>()).size();
  return usage;
}

}  // namespace yett
