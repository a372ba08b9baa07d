// `yett stats` and `yett top`.
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/oci/state/json_writer.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"
#include "runsc-like/sandboxes/usage.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    Option{0, "no-stream", "", "Once (what it is anyway without a terminal)"},
    Option{'i', "interval", "TIME", "Between two looks (default 1s)"},
    Option{'f', "format", "FORMAT", "table (default) or json"}};
constexpr OciUsage kUsage{"stats", "[OPTIONS] [ID...]",
                          "CPU, memory and processes of what runs; on a terminal again and again.",
                          "yett stats --no-stream web", kOptions};
constexpr OciUsage kTopUsage{
    "top",
    "ID [PS OPTIONS]",
    "The processes of a sandbox or container, by the host's ps: `yett ps ID`.",
    "yett top web -eo pid,user,rss,args",
    {}};

struct Look {
  std::int64_t at_ns = 0;
  std::map<std::string, ResourceUsage> usages;
};

struct Wish {
  std::vector<std::string> ids;  // empty: all
  std::chrono::milliseconds interval{1000};
  bool json = false;
  bool stream = false;
};

Result<Wish> read_wish(const CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format != "table" && format != "json")
    return fail(request_error("--format", "is " + format, "table or json"));
  const std::string interval = given.value("interval", "1s");
  const auto parsed = parse_duration(interval);
  constexpr std::chrono::milliseconds kShortest{50};
  constexpr std::chrono::milliseconds kLongest{3'600'000};
  if (!parsed || *parsed < kShortest || *parsed > kLongest)
    return fail(request_error("--interval " + interval, "wanted 50ms to 1h"));
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  return Wish{.ids = given.places,
              .interval = *parsed,
              .json = format == "json",
              .stream = terminal && format == "table" && !given.has("no-stream")};
}

bool is_counted(const ListedSandbox& sandbox) { return !sandbox.state.cgroups.empty(); }

Result<std::vector<ListedSandbox>> wished(const Wish& wish) {
  std::vector<ListedSandbox> found;
  for (const std::string& id : wish.ids) {
    YETT_TRY(ListedSandbox each, find_sandbox(oci_store(), id));
    if (!is_alive(each.status))
      return fail(request_error(id, "it is not running", "yett ps lists what is"));
    if (!is_counted(each))
      return fail(host_error(id, "it has no cgroup, which would count what it takes",
                             "the full mode gives it one"));
    found.push_back(std::move(each));
  }
  if (!wish.ids.empty()) return found;
  found = list_sandboxes(oci_store());
  std::erase_if(
      found, [](const ListedSandbox& each) { return !is_alive(each.status) || !is_counted(each); });
  return found;
}

Result<Look> look(const Wish& wish) {
  YETT_TRY(const auto found, wished(wish));
  Look now{.at_ns = real_time_ns(), .usages = {}};
  for (const ListedSandbox& each : found)
    now.usages[each.state.id] = read_usage(each.state.cgroups);
  return now;
}

// Of one processor, in percent, between two looks.
double cpu_percent(const Look& before, const Look& now, const std::string& id) {
  const auto old = before.usages.find(id);
  const std::uint64_t used = now.usages.at(id).cpu_ns;
  if (old == before.usages.end() || now.at_ns <= before.at_ns || used < old->second.cpu_ns)
    return 0;
  return 100.0 * static_cast<double>(used - old->second.cpu_ns) /
         static_cast<double>(now.at_ns - before.at_ns);
}

std::string fixed(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", number);
  return text.data();
}

std::string limit_text(const std::optional<std::uint64_t>& limit) {
  return limit ? std::to_string(*limit) : "-";
}

std::string as_table(const Look& before, const Look& now) {
  std::vector<std::vector<std::string>> rows{{"ID", "CPU %", "MEMORY", "LIMIT", "PIDS", "LIMIT"}};
  for (const auto& [id, usage] : now.usages)
    rows.push_back({id, fixed(cpu_percent(before, now, id)), format_size(usage.memory_bytes),
                    usage.memory_limit ? format_size(*usage.memory_limit) : "-",
                    std::to_string(usage.processes), limit_text(usage.processes_limit)});
  return table(rows);
}

std::string as_json(const Look& before, const Look& now) {
  oci::JsonWriter json;
  json.begin_array();
  for (const auto& [id, usage] : now.usages) {
    const auto percent = static_cast<std::int64_t>(cpu_percent(before, now, id) * 100);
    json.begin_object().member("id", id).member("cpuHundredthsOfPercent", percent);
    json.member("cpuNanoseconds", usage.cpu_ns).member("memoryBytes", usage.memory_bytes);
    if (usage.memory_limit) json.member("memoryLimitBytes", *usage.memory_limit);
    json.member("pids", usage.processes);
    if (usage.processes_limit) json.member("pidsLimit", *usage.processes_limit);
    json.end_object();
  }
  return json.end_array().text() + "\n";
}

void pause_for(std::chrono::milliseconds time) {
  const timespec pause{.tv_sec = time.count() / 1000, .tv_nsec = time.count() % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

Status stats(const CommandLine& given) {
  YETT_TRY(const Wish wish, read_wish(given));
  YETT_TRY(Look before, look(wish));
  for (;;) {
    pause_for(wish.interval);
    YETT_TRY(Look now, look(wish));
    std::string text = wish.json ? as_json(before, now) : as_table(before, now);
    if (wish.stream) text = "\x1b[H\x1b[J" + text;  // to the top, and all below is gone
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) != 0 || !wish.stream) return {};
    before = std::move(now);
  }
}

}  // namespace

int sandbox_stats(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(0, SIZE_MAX)) return line.exit_status();
  return line.finish(stats(line.arguments()));
}

int sandbox_top(int argc, char** argv) {
  const OciCommandLine line(kTopUsage, argc, argv, 1);
  if (!line.good(1, SIZE_MAX)) return line.exit_status();
  return oci_ps(argc, argv);
}

}  // namespace yett
