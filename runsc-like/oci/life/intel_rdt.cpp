#include "runsc-like/oci/life/intel_rdt.hpp"

#include <sys/stat.h>

#include <fstream>
#include <map>
#include <sstream>

#include "runsc-like/oci/life/write_file.hpp"

namespace yett::oci {
namespace {

bool is_directory(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// The next piece before `end`, which is taken off with it.
std::string_view take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view piece = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return trimmed(piece);
}

// Masks and numbers are written with leading zeros or without.
std::string_view plain(std::string_view value) {
  const std::size_t digit = value.find_first_not_of('0');
  return digit == std::string_view::npos ? value.substr(0, value.empty() ? 0 : 1)
                                         : value.substr(digit);
}

// "L3:0" -> "7f0".
std::map<std::string, std::string> values_of(std::string_view schemata) {
  std::map<std::string, std::string> values;
  while (!schemata.empty()) {
    std::string_view line = take(schemata, '\n');
    const std::string resource(take(line, ':'));
    while (!line.empty()) {
      std::string_view entry = take(line, ';');
      const std::string cache(take(entry, '='));
      values[resource + ":" + cache] = plain(trimmed(entry));
    }
  }
  return values;
}

// What both name is the later's: config-linux.md. Bandwidth is memBwSchema's, where there is one.
std::string schemata_of(const IntelRdt& asked) {
  std::string text;
  std::string_view cache = asked.l3_cache_schema;
  while (!cache.empty()) {
    const std::string_view line = take(cache, '\n');
    const bool replaced = line.starts_with("MB:") && !asked.mem_bw_schema.empty();
    if (!line.empty() && !replaced) text += std::string(line) + "\n";
  }
  if (!asked.mem_bw_schema.empty()) text += asked.mem_bw_schema + "\n";
  for (const std::string& line : asked.schemata) text += line + "\n";
  return text;
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return {};
  Error error = errno_error("make resctrl group", path);
  if (error.sys_errno == ENOSPC) error.mend = "the processor has no class or monitor left";
  return fail(std::move(error));
}

Status write_schemata(const RdtPlan& plan) {
  std::string_view rest = plan.schemata;
  while (!rest.empty()) {
    const std::string line = std::string(take(rest, '\n')) + "\n";
    if (Status written = write_text_file(plan.group + "/schemata", line); !written) return written;
  }
  return {};
}

}  // namespace

Result<std::string> find_resctrl() {
  std::ifstream mounts("/proc/self/mounts");
  std::string device;
  std::string place;
  std::string type;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream(line) >> device >> place >> type;
    if (type == "resctrl") return place;
  }
  return fail(host_error("/linux/intelRdt", "no resctrl filesystem is mounted",
                         "mount -t resctrl resctrl /sys/fs/resctrl, where the processor has it"));
}

Result<RdtPlan> plan_rdt(const IntelRdt& asked, const std::string& container,
                         const std::string& resctrl) {
  const std::string& name = asked.clos_id;
  RdtPlan plan;
  plan.group = name == "/" ? resctrl : resctrl + "/" + (name.empty() ? container : name);
  plan.schemata = schemata_of(asked);
  if (asked.enable_monitoring || asked.enable_cmt || asked.enable_mbm)
    plan.monitor = plan.group + "/mon_groups/" + container;
  const bool there = is_directory(plan.group);
  plan.make_group = !there;
  plan.remove_group = name.empty();
  plan.compare_schemata = there && !plan.schemata.empty();
  if (name.empty() && there)
    return fail(request_error("/linux/intelRdt", plan.group + " is there already",
                              "remove it, or name it as closID"));
  if (!name.empty() && !there && plan.schemata.empty())
    return fail(request_error("/linux/intelRdt/closID", "there is no class " + name,
                              "make it, or write its schemata"));
  return plan;
}

std::vector<std::string> made_by_rdt(const RdtPlan& plan) {
  std::vector<std::string> made;
  if (!plan.monitor.empty()) made.push_back(plan.monitor);
  if (plan.remove_group) made.push_back(plan.group);
  return made;
}

std::vector<std::string> joined_by_rdt(const RdtPlan& plan) {
  std::vector<std::string> joined{plan.group};
  if (!plan.monitor.empty()) joined.push_back(plan.monitor);
  return joined;
}

Status make_rdt(const RdtPlan& plan) {
  if (plan.make_group) YETT_CHECK(make_directory(plan.group));
  if (plan.compare_schemata) {
    if (!schemata_agree(plan.schemata, read_text(plan.group + "/schemata")))
      return fail(request_error("/linux/intelRdt", "is not what " + plan.group + "/schemata has",
                                "another closID, or the same values"));
  } else {
    YETT_CHECK(write_schemata(plan));
  }
  if (!plan.monitor.empty()) YETT_CHECK(make_directory(plan.monitor));
  return {};
}

Status join_rdt(const std::vector<std::string>& directories, int pid) {
  for (const std::string& directory : directories)
    YETT_CHECK(write_text_file(directory + "/tasks", std::to_string(pid)));
  return {};
}

bool schemata_agree(std::string_view asked, std::string_view there) {
  const auto has = values_of(there);
  for (const auto& [key, value] : values_of(asked)) {
    const auto found = has.find(key);
    if (found == has.end() || found->second != value) return false;
  }
  return true;
}

}  // namespace yett::oci
