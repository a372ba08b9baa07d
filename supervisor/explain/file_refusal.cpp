#include "supervisor/explain/file_refusal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kLandlockExecute = 1;

bool is_place(const MountEntry& entry) { return entry.kind != MountKind::symlink; }

bool is_mask(const MountEntry& place) { return place.kind == MountKind::mask; }

// A tmpfs or overlay that is the root has room that only root may fill, but for the directories
// that are made in it.
bool may_write(const MountEntry& place) {
  if (place.kind == MountKind::root_tmpfs) return false;
  if (place.kind == MountKind::directory) return place.owned_by_user;
  return place.writable == Writable::yes;
}

bool may_execute(const SandboxPlan& plan, const MountEntry& place) {
  if (place.kind == MountKind::directory || place.kind == MountKind::file)
    return plan.mounts.front().executable == Executable::yes;
  return place.executable == Executable::yes;
}

const char* kind_text(MountKind kind) {
  switch (kind) {
    case MountKind::root_tmpfs:
      return "the sandbox's own root (tmpfs)";
    case MountKind::root_image:
      return "the image's root (overlay)";
    case MountKind::package:
      return "the package";
    case MountKind::tmpfs:
      return "a tmpfs";
    case MountKind::overlay:
      return "a writable layer";
    case MountKind::proc:
      return "its /proc";
    case MountKind::devpts:
      return "its terminals";
    case MountKind::device:
      return "a device";
    case MountKind::directory:
      return "a directory in the sandbox's own root (tmpfs)";
    case MountKind::file:
      return "a made-up file";
    case MountKind::mask:
      return "a mask: what lies there has no name inside";
    case MountKind::truth_tree:
    case MountKind::truth:
      return "a file that tells the sandbox's own limits";
    case MountKind::remount:
    case MountKind::bind:
    case MountKind::symlink:
      break;
  }
  return "a mount";
}

std::string rule_of(const MountEntry& place, std::string_view what) {
  if (!place.asked_by.empty()) return place.asked_by;
  return fmt::format("built in: {} {}", place.target, what);
}

// ---- changes ------------------------------------------------------------------------------------

bool is_by_rule(const MountEntry& place, std::string_view key) {
  return place.asked_by.find(fmt::format(": files.{} ", key)) != std::string::npos;
}

// From read-only to writable: the file alone where it exists, else its directory.
std::vector<PolicyChange> grant_writing(const SandboxPlan& plan, const MountEntry& place,
                                        const ObservedPath& path, FileIntent intent) {
  const bool packaged = plan.image_kind != ImageKind::host;
  const bool alone = intent == FileIntent::write && !packaged;
  const std::string granted = alone ? path.path : path.parent();
  if (packaged) {
    if (granted == "/" || !place.asked_by.empty()) return {};
    return {add_to("files", "write", granted)};
  }
  if (!is_by_rule(place, "read")) return {};
  if (granted == place.target)
    return {remove_from("files", "read", granted), add_to("files", "write", granted)};
  if (!is_within(granted, place.target)) return {};
  return {add_to("files", "write", granted)};
}

bool others_may(const ObservedPath& path, FileIntent intent) {
  if (intent == FileIntent::execute) return (path.host_mode & S_IXOTH) != 0;
  if (S_ISDIR(path.host_mode)) return (path.host_mode & S_IXOTH) != 0;
  return intent == FileIntent::look || (path.host_mode & S_IROTH) != 0;
}

bool lists_programs(const SandboxPlan& plan) {
  return (plan.landlock.handled_fs & kLandlockExecute) != 0 &&
         std::ranges::any_of(
             plan.rules, [](const PlacedRule& row) { return row.rule.starts_with("files.exec"); });
}

// What the host has and the sandbox has not. Writing is lent with the file's owner; reading is not.
std::vector<PolicyChange> grant_sight(const SandboxPlan& plan, const ObservedPath& path,
                                      FileIntent intent) {
  if (intent == FileIntent::write) return {add_to("files", "write", path.path)};
  if (intent == FileIntent::create) return {add_to("files", "write", path.parent())};
  if (!others_may(path, intent)) return {};
  std::vector<PolicyChange> changes{add_to("files", "read", path.path)};
  if (intent == FileIntent::execute && lists_programs(plan))
    changes.push_back(add_to("files", "exec", path.path));
  return changes;
}

// ---- which rule ---------------------------------------------------------------------------------

Refusal refusal(const SandboxPlan& plan, const MountEntry& place, const ObservedPath& path,
                std::string_view what) {
  return {
      .plane = Plane::mount_tree,
      .rule = rule_of(place, what),
      .object = path.path,
      .resolved = fmt::format("{}, in {}: {}", path.path, place.target, place_text(plan, place)),
      .change = {}};
}

Refusal masked(const SandboxPlan& plan, const MountEntry& place, const ObservedPath& path) {
  Refusal made = refusal(plan, place, path, "is masked");
  if (is_by_rule(place, "deny")) made.change = {remove_from("files", "deny", place.target)};
  return made;
}

std::optional<Refusal> hidden(const SandboxPlan& plan, const MountEntry& place,
                              const ObservedPath& path, FileIntent intent) {
  const bool would_make = intent == FileIntent::create && !path.on_host && path.parent_on_host;
  if (path.inside || (!path.on_host && !would_make)) return std::nullopt;
  if (is_mask(place)) return masked(plan, place, path);
  const bool own = place.asked_by.empty() &&
                   (place.kind == MountKind::root_tmpfs || place.kind == MountKind::directory ||
                    place.kind == MountKind::tmpfs);
  if (plan.image_kind != ImageKind::host || !own) return std::nullopt;
  Refusal made = refusal(plan, place, path, "");
  made.rule = fmt::format("built in: of the host, only what a rule names is inside");
  made.resolved = fmt::format("{}: the host has it, the sandbox's mount tree has not", path.path);
  if (!is_within(path.path, "/dev")) made.change = grant_sight(plan, path, intent);
  return made;
}

bool is_allowed_program(const LandlockPlan& landlock, std::string_view path) {
  return std::ranges::any_of(landlock.paths, [&](const LandlockPathRule& rule) {
    return (rule.access & kLandlockExecute) != 0 && is_within(path, rule.path);
  });
}

std::string exec_list_rule(const SandboxPlan& plan) {
  for (const PlacedRule& row : plan.rules)
    if (row.rule.starts_with("files.exec")) return row.source.text() + ": files.exec";
  return "files.exec";
}

std::optional<Refusal> not_executable(const SandboxPlan& plan, const MountEntry& place,
                                      const ObservedPath& path) {
  if (is_mask(place)) return masked(plan, place, path);
  if (may_execute(plan, place)) {
    if (!lists_programs(plan) || is_allowed_program(plan.landlock, path.path)) return std::nullopt;
    Refusal made = refusal(plan, place, path, "");
    made.plane = Plane::landlock;
    made.rule = exec_list_rule(plan);
    made.change = {add_to("files", "exec", path.path)};
    return made;
  }
  if (may_write(place)) {
    Refusal made = refusal(plan, place, path, "is writable, so noexec");
    made.rule = fmt::format("exec.written_files = false: {} is writable, so noexec", place.target);
    made.change = {set_value("exec", "written_files", "true")};
    return made;
  }
  Refusal made = refusal(plan, place, path, "is noexec");
  if (lists_programs(plan)) {
    made.rule = exec_list_rule(plan);
    made.change = {add_to("files", "exec", path.path)};
  }
  return made;
}

std::optional<Refusal> not_writable(const SandboxPlan& plan, const MountEntry& place,
                                    const ObservedPath& path, FileIntent intent) {
  if (is_mask(place)) return masked(plan, place, path);
  if (may_write(place)) return std::nullopt;
  Refusal made = refusal(plan, place, path, "is read-only");
  made.change = grant_writing(plan, place, path, intent);
  return made;
}

std::optional<Refusal> no_room(const SandboxPlan& plan, const MountEntry& place,
                               const ObservedPath& path) {
  const MountEntry& holder = place.kind == MountKind::directory ? plan.mounts.front() : place;
  if (holder.size_bytes == 0) return std::nullopt;
  Refusal made = refusal(plan, holder, path, "");
  const bool root = &holder == &plan.mounts.front();
  const std::string target = root ? "/tmp" : holder.target;
  made.rule = fmt::format("files.tmpfs {} {}", target, format_size(holder.size_bytes));
  for (const PlacedRule& row : plan.rules)
    if (row.rule.starts_with(fmt::format("files.tmpfs {} ", target)))
      made.rule = row.source.text() + ": " + row.rule;
  PolicyChange larger = set_value("files", "tmpfs", std::to_string(2 * holder.size_bytes));
  larger.entry = target;
  made.change = {std::move(larger)};
  return made;
}

}  // namespace

std::string ObservedPath::parent() const {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

const MountEntry& place_of(const SandboxPlan& plan, std::string_view path) {
  const MountEntry* best = &plan.mounts.front();
  for (const MountEntry& entry : plan.mounts)
    if (is_place(entry) && is_within(path, entry.target) &&
        entry.target.size() >= best->target.size())
      best = &entry;
  return *best;
}

std::string place_text(const SandboxPlan& plan, const MountEntry& place) {
  std::string text =
      place.kind == MountKind::bind      ? fmt::format("a bind of the host's {}", place.source)
      : place.kind == MountKind::overlay ? fmt::format("a writable layer over {}", place.source)
                                         : kind_text(place.kind);
  if (is_mask(place)) return text;
  text += may_write(place) ? ", writable" : ", read-only";
  return text + (may_execute(plan, place) ? ", executable" : ", noexec");
}

FileIntent file_intent(const ObservedCall& call) {
  const auto& arguments = call.snapshot.arguments;
  const auto opening = [&](std::uint64_t flags) {
    const bool there = call.path && (call.path->inside || call.path->on_host);
    if ((flags & O_CREAT) != 0 && !there) return FileIntent::create;
    return (flags & (O_ACCMODE | O_TRUNC)) != 0 ? FileIntent::write : FileIntent::read;
  };
  switch (call.snapshot.call) {
    case SYS_open:
      return opening(arguments[1]);
    case SYS_openat:
      return opening(arguments[2]);
    case SYS_creat:
      return opening(O_CREAT | O_WRONLY | O_TRUNC);
    case SYS_openat2:
    case SYS_readlink:
    case SYS_readlinkat:
      return FileIntent::read;
    case SYS_stat:
    case SYS_lstat:
    case SYS_newfstatat:
    case SYS_statx:
    case SYS_chdir:
      return FileIntent::look;
    case SYS_access:
      return (arguments[1] & W_OK) != 0 ? FileIntent::write : FileIntent::look;
    case SYS_faccessat:
    case SYS_faccessat2:
      return (arguments[2] & W_OK) != 0 ? FileIntent::write : FileIntent::look;
    case SYS_execve:
    case SYS_execveat:
      return FileIntent::execute;
    case SYS_mmap:
      return (arguments[2] & PROT_EXEC) != 0 ? FileIntent::execute : FileIntent::none;
    case SYS_mkdir:
    case SYS_mkdirat:
    case SYS_rmdir:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_link:
    case SYS_linkat:
    case SYS_symlink:
    case SYS_symlinkat:
    case SYS_mknod:
    case SYS_mknodat:
      return FileIntent::create;
    case SYS_chmod:
    case SYS_fchmodat:
    case SYS_chown:
    case SYS_fchownat:
    case SYS_truncate:
    case SYS_utimensat:
    case SYS_write:
    case SYS_pwrite64:
    case SYS_ftruncate:
    case SYS_fallocate:
      return FileIntent::write;
    default:
      return FileIntent::none;
  }
}

std::optional<Refusal> explain_file(const SandboxPlan& plan, const ObservedCall& call) {
  const FileIntent intent = file_intent(call);
  if (intent == FileIntent::none || !call.path || plan.mounts.empty()) return std::nullopt;
  const ObservedPath& path = call.second_path && !call.second_path->inside && call.path->inside
                                 ? *call.second_path
                                 : *call.path;
  const MountEntry& place = place_of(plan, path.path);
  switch (call.error) {
    case 0:
      // A masked file opens, and is empty.
      if (intent == FileIntent::read && is_mask(place)) return masked(plan, place, path);
      return std::nullopt;
    case ENOENT:
      return hidden(plan, place, path, intent);
    case EROFS:
      return not_writable(plan, place, path, intent);
    case EACCES:
    case EPERM:
      if (intent == FileIntent::execute) return not_executable(plan, place, path);
      if (intent == FileIntent::write || intent == FileIntent::create)
        return not_writable(plan, place, path, intent);
      return std::nullopt;
    case ENOSPC:
      return no_room(plan, place, path);
    default:
      return std::nullopt;
  }
}

}  // namespace yett
