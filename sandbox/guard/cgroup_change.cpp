#include "sandbox/guard/cgroup_change.hpp"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <set>

#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/guard/cgroup_limits.hpp"

namespace yett {
namespace {

// Those whose value is another, in an order in which each step is one that v1 takes: what memory
// and swap may be together is never less than what memory alone may be.
std::vector<CgroupLimitFile> differing_files(const CgroupPlan& before, const CgroupPlan& after,
                                             CgroupVersion version) {
  const std::vector<CgroupLimitFile> held = cgroup_limit_files(before, version);
  std::vector<CgroupLimitFile> differing;
  for (const CgroupLimitFile& wanted : cgroup_limit_files(after, version))
    if (std::ranges::none_of(held, [&](const CgroupLimitFile& each) {
          return each.file == wanted.file && each.value == wanted.value;
        }))
      differing.push_back(wanted);
  if (after.memory_bytes > before.memory_bytes) std::ranges::reverse(differing);
  return differing;
}

// Empty: none has it. A limit's file is never empty.
std::string directory_of(const std::vector<std::string>& directories, const std::string& file) {
  const auto found = std::ranges::find_if(directories, [&](const std::string& directory) {
    return !read_cgroup_file(directory, file).empty();
  });
  return found == directories.end() ? std::string() : *found;
}

Error too_little_memory() {
  return request_error("limits.memory", "the sandbox uses more than that now",
                       "try a larger one, or when it uses less");
}

// v2 would kill for it what is in the way; v1 refuses by itself.
bool uses_more(const std::vector<std::string>& directories, const CgroupPlan& plan) {
  for (const std::string& directory : directories)
    if (const auto used = cgroup_figure(read_cgroup_file(directory, "memory.current"), ""))
      return plan.memory_bytes && *used > *plan.memory_bytes;
  return false;
}

}  // namespace

CgroupChange::~CgroupChange() {
  for (const Written& each : std::views::reverse(written_))
    static_cast<void>(write_cgroup_file(each.directory, each.file, each.earlier));
}

Status CgroupChange::write(const std::string& directory, const std::string& file,
                           const std::string& value) {
  std::string earlier = read_cgroup_file(directory, file);
  YETT_CHECK(write_cgroup_file(directory, file, value));
  written_.push_back({.directory = directory, .file = file, .earlier = std::move(earlier)});
  return {};
}

Result<CgroupChange> CgroupChange::apply(const std::vector<std::string>& directories,
                                         const CgroupPlan& before, const CgroupPlan& after) {
  if (after.memory_bytes < before.memory_bytes && uses_more(directories, after))
    return fail(too_little_memory());
  CgroupChange change;
  std::set<std::string> missing;
  std::set<std::string> found;
  for (const CgroupVersion version : {CgroupVersion::v2, CgroupVersion::v1})
    for (const CgroupLimitFile& limit : differing_files(before, after, version)) {
      const std::string directory = directory_of(directories, limit.file);
      if (directory.empty() && limit.when_absent == WhenAbsent::error)
        missing.insert(limit.controller);
      if (directory.empty()) continue;
      Status written = change.write(directory, limit.file, limit.value);
      if (!written && written.error().sys_errno == EBUSY) return fail(too_little_memory());
      YETT_CHECK(written);
      found.insert(limit.controller);
    }
  for (const std::string& controller : missing)
    if (!found.contains(controller))
      return fail(host_error(controller + " limit", "the sandbox's cgroup has no such limit",
                             "start it again with this policy"));
  return change;
}

}  // namespace yett
