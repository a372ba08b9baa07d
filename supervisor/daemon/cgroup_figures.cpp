#include "supervisor/daemon/cgroup_figures.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

// v1 says "no limit" by a number that no memory has.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

// Of the version of cgroups that has it. `key`: what stands before the number.
struct File {
  std::string_view name;
  std::string_view key;
  std::uint64_t unit = 1;
};
constexpr std::array<std::array<File, 2>, CgroupFiles::kFigures> kFiles{{
    {{{.name = "/memory.current", .key = {}}, {.name = "/memory.usage_in_bytes", .key = {}}}},
    {{{.name = "/memory.max", .key = {}}, {.name = "/memory.limit_in_bytes", .key = {}}}},
    {{{.name = "/pids.current", .key = {}}, {}}},
    {{{.name = "/pids.max", .key = {}}, {}}},
    {{{.name = "/cpuacct.usage", .key = {}},
      {.name = "/cpu.stat", .key = "usage_usec ", .unit = 1000}}},
}};

// Nothing: there is no such file, or another of that name. "max" is 0.
std::optional<std::uint64_t> read_number(const std::string& directory, const File& file) {
  std::string path = directory;
  path += file.name;
  const UniqueFd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  if (!opened.valid() || ::read(opened.get(), text.data(), text.size() - 1) <= 0)
    return std::nullopt;
  if (!std::string_view(text.data()).starts_with(file.key)) return std::nullopt;
  return std::strtoull(text.data() + file.key.size(), nullptr, 10) * file.unit;
}

std::optional<CgroupFiles::Place> find_place(const std::vector<std::string>& cgroups,
                                             std::span<const File> files) {
  for (std::size_t file = 0; file < files.size() && !files[file].name.empty(); ++file)
    for (std::size_t directory = 0; directory < cgroups.size(); ++directory)
      if (read_number(cgroups[directory], files[file]))
        return CgroupFiles::Place{.directory = directory, .file = file};
  return std::nullopt;
}

// What the directories of all sandboxes that are made alike have in common.
std::string layout_of(const std::vector<std::string>& cgroups) {
  std::string layout;
  for (const std::string& each : cgroups) layout.append(each, 0, each.rfind('/')) += '\n';
  return layout;
}

}  // namespace

// One that is being removed teaches nothing.
CgroupFiles::Places CgroupFiles::places_for(const std::vector<std::string>& cgroups) {
  const std::string layout = layout_of(cgroups);
  if (const auto known = layouts_.find(layout); known != layouts_.end()) return known->second;
  Places places;
  for (std::size_t i = 0; i < kFigures; ++i) places[i] = find_place(cgroups, kFiles[i]);
  const auto is_there = [](const std::string& each) { return ::access(each.c_str(), F_OK) == 0; };
  if (layouts_.size() < kMostLayouts && std::ranges::all_of(cgroups, is_there))
    layouts_.emplace(layout, places);
  return places;
}

CgroupFigures CgroupFiles::read(const std::vector<std::string>& cgroups) {
  std::array<std::uint64_t, kFigures> found{};
  if (cgroups.empty()) return {};
  const Places places = places_for(cgroups);
  for (std::size_t i = 0; i < kFigures; ++i)
    if (places[i])
      found[i] = read_number(cgroups[places[i]->directory], kFiles[i][places[i]->file]).value_or(0);
  const auto& [memory_bytes, memory_limit, processes, process_limit, cpu_ns] = found;
  return {.memory_bytes = memory_bytes,
          .memory_limit = memory_limit >= kNoLimit ? 0 : memory_limit,
          .processes = processes,
          .process_limit = process_limit,
          .cpu_ns = cpu_ns};
}

}  // namespace yett
