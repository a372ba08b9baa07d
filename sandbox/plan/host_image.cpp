// The mounts of the `host` image: the host's programs read-only, a made-up /etc, everything else
// the sandbox's own. One tmpfs carries all of the latter; the user may write only in the
// directories it owns there, and nothing in it can be executed.
#include <fmt/format.h>

#include <string_view>

#include "sandbox/plan/mount_plan.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kDefaultRootBytes = 64ULL << 20;

MountEntry directory(std::string target, std::uint32_t mode, bool owned_by_user) {
  MountEntry entry{.kind = MountKind::directory, .target = std::move(target)};
  entry.file_mode = mode;
  entry.owned_by_user = owned_by_user;
  return entry;
}

MountEntry symlink(std::string target, std::string text) {
  return {.kind = MountKind::symlink, .target = std::move(target), .source = std::move(text)};
}

MountEntry file(std::string target, std::string content) {
  MountEntry entry{.kind = MountKind::file, .target = std::move(target)};
  entry.file_mode = 0444;
  entry.content = std::move(content);
  return entry;
}

MountEntry bind_read_only(std::string path, Executable executable) {
  MountEntry entry{.kind = MountKind::bind, .target = path, .source = path};
  entry.executable = executable;
  entry.optional = true;
  return entry;
}

// "bin -> usr/bin" or "lib64": the places where programs and libraries live.
bool holds_programs(std::string_view name) {
  return name == "bin" || name == "sbin" || name == "usr" || name.starts_with("lib");
}

void add_host_directory(std::string_view listed, std::vector<MountEntry>& entries) {
  constexpr std::string_view kArrow = " -> ";
  const std::size_t arrow = listed.find(kArrow);
  const std::string_view name = listed.substr(0, arrow);
  if (!holds_programs(name)) return;
  const std::string path = fmt::format("/{}", name);
  if (arrow != std::string_view::npos)
    entries.push_back(symlink(path, std::string(listed.substr(arrow + kArrow.size()))));
  else
    entries.push_back(bind_read_only(path, Executable::yes));
}

std::uint64_t root_size(const Policy& policy) {
  if (policy.limits.disk_bytes) return *policy.limits.disk_bytes;
  for (const TmpfsRule& rule : policy.files.tmpfs)
    if (rule.path == "/tmp") return rule.size_bytes;
  return kDefaultRootBytes;
}

}  // namespace

void add_host_root(const SandboxRequest&, const Policy& policy, const PlanContext& context,
                   std::vector<MountEntry>& entries) {
  MountEntry root{.kind = MountKind::root_tmpfs, .target = "/"};
  root.writable = Writable::yes;
  root.size_bytes = root_size(policy);
  entries.push_back(std::move(root));
  for (const std::string& listed : context.host_root_entries) add_host_directory(listed, entries);
  entries.push_back(directory("/tmp", 01777, true));
  entries.push_back(directory("/var/tmp", 01777, true));
  entries.push_back(directory("/run", 0755, true));
  entries.push_back(directory(kHome, 0755, true));
  entries.push_back(directory("/root", 0700, false));
}

void add_system_mounts(std::vector<MountEntry>& entries) {
  // SECURITY(proc-read-only): no file of /proc can be written, the sandbox's own included.
  MountEntry proc{.kind = MountKind::proc, .target = "/proc"};
  entries.push_back(std::move(proc));
  // World-readable ones that tell about the host or its other tenants.
  for (const char* path : {"/proc/interrupts", "/proc/kallsyms", "/proc/keys"})
    entries.push_back({.kind = MountKind::mask, .target = path});
  MountEntry dev{.kind = MountKind::tmpfs, .target = "/dev"};
  dev.writable = Writable::yes;
  dev.devices = true;
  dev.size_bytes = kDefaultRootBytes;
  entries.push_back(std::move(dev));
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const std::string path = fmt::format("/dev/{}", name);
    MountEntry device{.kind = MountKind::device, .target = path, .source = path};
    device.writable = Writable::yes;
    entries.push_back(std::move(device));
  }
  MountEntry pts{.kind = MountKind::devpts, .target = "/dev/pts"};
  pts.writable = Writable::yes;
  entries.push_back(std::move(pts));
  entries.push_back(directory("/dev/shm", 01777, true));
  entries.push_back(symlink("/dev/ptmx", "pts/ptmx"));
  entries.push_back(symlink("/dev/fd", "/proc/self/fd"));
  entries.push_back(symlink("/dev/stdin", "/proc/self/fd/0"));
  entries.push_back(symlink("/dev/stdout", "/proc/self/fd/1"));
  entries.push_back(symlink("/dev/stderr", "/proc/self/fd/2"));
}

void add_made_up_etc(const SandboxRequest& request, const Policy& policy,
                     std::vector<MountEntry>& entries) {
  const IdRequest& user = request.user;
  entries.push_back(file("/etc/passwd",
                         fmt::format("root:x:0:0:root:/root:/usr/sbin/nologin\n"
                                     "app:x:{}:{}:app:{}:/bin/sh\n"
                                     "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                                     user.uid, user.gid, kHome)));
  entries.push_back(
      file("/etc/group", fmt::format("root:x:0:\napp:x:{}:\nnogroup:x:65534:\n", user.gid)));
  entries.push_back(file(
      "/etc/hosts", fmt::format("127.0.0.1 localhost {0}\n::1 localhost {0}\n", request.hostname)));
  entries.push_back(file("/etc/hostname", request.hostname + "\n"));
  entries.push_back(file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"));
  for (const char* path : {"/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl", "/etc/localtime"})
    entries.push_back(bind_read_only(path, Executable::yes));
  if (policy.network.mode == NetworkMode::host)
    entries.push_back(bind_read_only("/etc/resolv.conf", Executable::no));
}

}  // namespace yett
