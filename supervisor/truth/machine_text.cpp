#include "supervisor/truth/machine_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/text.hpp"
#include "sandbox/guard/cgroup_files.hpp"

namespace yett {
namespace {

// A line of meminfo and its sources in memory.stat: v2's name and v1's.
struct KindLine {
  const char* line;
  const char* v2;
  const char* v1;
};
constexpr KindLine kKinds[] = {
    {"Active(anon)", "active_anon", "total_active_anon"},
    {"Inactive(anon)", "inactive_anon", "total_inactive_anon"},
    {"Active(file)", "active_file", "total_active_file"},
    {"Inactive(file)", "inactive_file", "total_inactive_file"},
    {"Unevictable", "unevictable", "total_unevictable"},
    {"Dirty", "file_dirty", "total_dirty"},
    {"Writeback", "file_writeback", "total_writeback"},
    {"AnonPages", "anon", "total_rss"},
    {"Mapped", "file_mapped", "total_mapped_file"},
    {"Shmem", "shmem", "total_shmem"},
    {"KReclaimable", "slab_reclaimable", ""},
    {"SReclaimable", "slab_reclaimable", ""},
    {"SUnreclaim", "slab_unreclaimable", ""},
};

std::uint64_t kind(const MemoryFigures& memory, const char* v2, const char* v1) {
  const auto found = cgroup_figure(memory.by_kind, v2);
  return found ? *found : cgroup_figure(memory.by_kind, v1).value_or(0);
}

void add_line(std::string& text, std::string_view name, std::uint64_t bytes) {
  fmt::format_to(std::back_inserter(text), "{:<16}{:>8} kB\n", fmt::format("{}:", name),
                 bytes / 1024);
}

std::uint64_t hundredths(std::uint64_t microseconds) { return microseconds / 10'000; }

// "siblings\t: 8" with at most `most`.
std::string bounded_count(std::string_view line, std::uint64_t most) {
  const std::size_t colon = line.find(": ");
  if (colon == std::string_view::npos) return std::string(line);
  const auto count = parse_decimal(line.substr(colon + 2));
  if (!count || *count <= most) return std::string(line);
  return fmt::format("{}: {}", line.substr(0, colon), most);
}

std::optional<std::uint64_t> processor_of(std::string_view block) {
  if (!block.starts_with("processor")) return std::nullopt;
  const std::string_view line = block.substr(0, block.find('\n'));
  const std::size_t colon = line.find(": ");
  return colon == std::string_view::npos ? std::nullopt : parse_decimal(line.substr(colon + 2));
}

void add_block(std::string& text, std::string_view block, std::uint64_t most) {
  while (!block.empty()) {
    const std::string_view line = block.substr(0, block.find('\n'));
    block.remove_prefix(std::min(line.size() + 1, block.size()));
    const bool counts = line.starts_with("siblings") || line.starts_with("cpu cores");
    text += counts ? bounded_count(line, most) : std::string(line);
    text += '\n';
  }
  text += '\n';
}

}  // namespace

std::string meminfo_text(const MemoryFigures& memory) {
  const std::uint64_t free = memory.total - memory.used;
  const std::uint64_t active_file = kind(memory, "active_file", "total_active_file");
  const std::uint64_t inactive_file = kind(memory, "inactive_file", "total_inactive_file");
  const std::uint64_t reclaimable =
      active_file + inactive_file + kind(memory, "slab_reclaimable", "");
  std::string text;
  add_line(text, "MemTotal", memory.total);
  add_line(text, "MemFree", free);
  add_line(text, "MemAvailable", std::min(memory.total, free + reclaimable));
  add_line(text, "Buffers", 0);
  add_line(text, "Cached", std::min(memory.used, kind(memory, "file", "total_cache")));
  add_line(text, "SwapCached", 0);
  add_line(text, "Active", active_file + kind(memory, "active_anon", "total_active_anon"));
  add_line(text, "Inactive", inactive_file + kind(memory, "inactive_anon", "total_inactive_anon"));
  for (const KindLine& line : kKinds) add_line(text, line.line, kind(memory, line.v2, line.v1));
  add_line(text, "Slab",
           kind(memory, "slab_reclaimable", "") + kind(memory, "slab_unreclaimable", ""));
  add_line(text, "SwapTotal", memory.swap_total);
  add_line(text, "SwapFree", memory.swap_total - memory.swap_used);
  return text;
}

std::string swaps_text(const MemoryFigures& memory) {
  std::string text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  if (memory.swap_total != 0)
    text += fmt::format("{:<40}virtual\t\t{}\t\t{}\t\t0\n", "none", memory.swap_total / 1024,
                        memory.swap_used / 1024);
  return text;
}

std::string stat_text(const MachineFigures& figures) {
  const auto count = static_cast<std::uint64_t>(figures.cpu.shown.size());
  const std::uint64_t user = hundredths(figures.cpu.user_us);
  const std::uint64_t system = hundredths(figures.cpu.system_us);
  const std::uint64_t whole = static_cast<std::uint64_t>(figures.age_s * 100) * count;
  const std::uint64_t idle = whole - std::min(whole, user + system);
  std::string text = fmt::format("cpu  {} 0 {} {} 0 0 0 0 0 0\n", user, system, idle);
  for (const unsigned cpu : figures.cpu.shown)
    fmt::format_to(std::back_inserter(text), "cpu{} {} 0 {} {} 0 0 0 0 0 0\n", cpu, user / count,
                   system / count, idle / count);
  fmt::format_to(std::back_inserter(text),
                 "intr 0\nctxt 0\nbtime {}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n"
                 "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
                 figures.host_booted_s, figures.processes);
  return text;
}

std::string loadavg_text(const MachineFigures& figures) {
  const auto& load = figures.cpu.load;
  return fmt::format("{:.2f} {:.2f} {:.2f} 1/{} {}\n", load[0], load[1], load[2], figures.processes,
                     figures.processes);
}

std::string uptime_text(const MachineFigures& figures) {
  const double used = static_cast<double>(figures.cpu.user_us + figures.cpu.system_us) / 1e6;
  const double idle = figures.age_s * static_cast<double>(figures.cpu.shown.size()) - used;
  return fmt::format("{:.2f} {:.2f}\n", figures.age_s, std::max(idle, 0.0));
}

std::string cpuinfo_text(std::string_view host, std::span<const unsigned> shown) {
  std::string text;
  while (!host.empty()) {
    const std::string_view block = host.substr(0, host.find("\n\n"));
    host.remove_prefix(std::min(block.size() + 2, host.size()));
    const auto processor = processor_of(block);
    // What is about no CPU ("Features" of some machines) is about all of them.
    if (!processor || std::ranges::find(shown, *processor) != shown.end())
      add_block(text, block, shown.size());
  }
  return text;
}

std::string cpu_list_text(std::span<const unsigned> cpus) {
  std::string text;
  for (std::size_t first = 0; first < cpus.size();) {
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += text.empty() ? "" : ",";
    text +=
        first == last ? std::to_string(cpus[first]) : fmt::format("{}-{}", cpus[first], cpus[last]);
    first = last + 1;
  }
  return text + "\n";
}

}  // namespace yett
