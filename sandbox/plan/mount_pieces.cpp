#include <algorithm>

#include "sandbox/plan/mount_plan.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kDefaultScratch = 64ULL << 20;

}  // namespace

MountEntry directory_entry(std::string target, std::uint32_t mode, bool owned_by_user) {
  MountEntry entry{.kind = MountKind::directory, .target = std::move(target)};
  entry.file_mode = mode;
  entry.owned_by_user = owned_by_user;
  return entry;
}

MountEntry made_up_file(std::string target, std::string content) {
  MountEntry entry{.kind = MountKind::file, .target = std::move(target)};
  entry.file_mode = 0444;
  entry.content = std::move(content);
  return entry;
}

MountEntry symlink_entry(std::string target, std::string text) {
  return {.kind = MountKind::symlink, .target = std::move(target), .source = std::move(text)};
}

MountEntry tmpfs_entry(std::string target, std::uint64_t size_bytes) {
  MountEntry entry{.kind = MountKind::tmpfs, .target = std::move(target)};
  entry.writable = Writable::yes;
  entry.size_bytes = size_bytes;
  entry.owned_by_user = true;
  return entry;
}

MountEntry read_only_bind(std::string source, std::string target, Executable executable) {
  MountEntry entry{
      .kind = MountKind::bind, .target = std::move(target), .source = std::move(source)};
  entry.executable = executable;
  return entry;
}

Executable executable_when_written(const Policy& policy) {
  return policy.exec.written_files ? Executable::yes : Executable::no;
}

Executable executable_by_default(const Policy& policy) {
  return policy.files.exec.empty() ? Executable::yes : Executable::no;
}

bool holds_programs(std::string_view top_directory) {
  return top_directory == "bin" || top_directory == "sbin" || top_directory == "usr" ||
         top_directory == "opt" || top_directory.starts_with("lib");
}

ScratchSizes scratch_sizes(const Policy& policy) {
  std::uint64_t tmp = kDefaultScratch;
  for (const TmpfsRule& rule : policy.files.tmpfs)
    if (rule.path == "/tmp") tmp = rule.size_bytes;
  if (!policy.limits.disk_bytes) return {.root = tmp, .dev = kDefaultScratch};
  const std::uint64_t dev = std::min(kDefaultScratch, *policy.limits.disk_bytes / 4);
  return {.root = *policy.limits.disk_bytes - dev, .dev = dev};
}

}  // namespace yett
