// The mounts of the `host` image, and /proc and /dev of every image.
#include <fmt/format.h>

#include <string_view>

#include "sandbox/plan/mount_plan.hpp"

namespace yett {
namespace {

// "bin -> usr/bin" or "usr". /opt is not part of the host image: what lives there is asked for.
void add_host_directory(std::string_view listed, Executable executable,
                        std::vector<MountEntry>& entries) {
  constexpr std::string_view kArrow = " -> ";
  const std::size_t arrow = listed.find(kArrow);
  const std::string_view name = listed.substr(0, arrow);
  if (!holds_programs(name) || name == "opt") return;
  const std::string path = fmt::format("/{}", name);
  if (arrow != std::string_view::npos)
    entries.push_back(symlink_entry(path, std::string(listed.substr(arrow + kArrow.size()))));
  else
    entries.push_back(read_only_bind(path, path, executable));
}

// One tmpfs carries what is the sandbox's own: root owns it, the user only the directories below.
void add_scratch(const Policy& policy, std::vector<MountEntry>& entries) {
  MountEntry root{.kind = MountKind::root_tmpfs, .target = "/"};
  root.writable = Writable::yes;
  root.executable = executable_when_written(policy);
  root.size_bytes = scratch_sizes(policy).root;
  entries.push_back(std::move(root));
  entries.push_back(directory_entry("/tmp", 01777, true));
  entries.push_back(directory_entry("/var/tmp", 01777, true));
  entries.push_back(directory_entry("/run", 0755, true));
  entries.push_back(directory_entry(kHome, 0755, true));
}

void add_made_up_etc(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  const IdRequest& user = inputs.request.user;
  entries.push_back(made_up_file(
      "/etc/passwd", fmt::format("root:x:0:0:root:/root:/usr/sbin/nologin\n"
                                 "app:x:{}:{}:app:{}:/bin/sh\n"
                                 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                                 user.uid, user.gid, kHome)));
  entries.push_back(made_up_file(
      "/etc/group", fmt::format("root:x:0:\napp:x:{}:\nnogroup:x:65534:\n", user.gid)));
  entries.push_back(made_up_file(
      "/etc/hosts",
      fmt::format("127.0.0.1 localhost {0}\n::1 localhost {0}\n", inputs.request.hostname)));
  entries.push_back(made_up_file("/etc/hostname", inputs.request.hostname + "\n"));
  entries.push_back(
      made_up_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"));
}

// What programs of the host miss without: library cache, alternatives' links, certificates, time.
void add_host_etc(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  std::vector<std::string> paths{"/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl",
                                 "/etc/localtime"};
  for (const std::string& path : paths) {
    entries.push_back(read_only_bind(path, path, Executable::no));
    entries.back().optional = true;
  }
  add_name_servers(inputs, entries);
}

void add_device(const std::string& path, std::vector<MountEntry>& entries) {
  MountEntry device{.kind = MountKind::device, .target = path, .source = path};
  device.writable = Writable::yes;
  entries.push_back(std::move(device));
}

}  // namespace

void add_host_image(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  add_scratch(inputs.policy, entries);
  for (const std::string& listed : inputs.context.host_root_entries)
    add_host_directory(listed, executable_by_default(inputs.policy), entries);
  add_made_up_etc(inputs, entries);
  add_host_etc(inputs, entries);
}

void add_system_mounts(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  // SECURITY(proc-read-only): no file of /proc can be written, the sandbox's own included.
  entries.push_back({.kind = MountKind::proc, .target = "/proc"});
  // SECURITY(proc-masks): world-readable ones that tell about the host or its other tenants. Those
  // that only root may read need no mask: nobody inside is the host's root.
  for (const char* path : {"/proc/interrupts", "/proc/kallsyms", "/proc/keys"})
    entries.push_back({.kind = MountKind::mask, .target = path});
  entries.push_back(tmpfs_entry("/dev", scratch_sizes(inputs.policy).dev));
  entries.back().owned_by_user = false;
  entries.back().devices = true;
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
    add_device(fmt::format("/dev/{}", name), entries);
  if (!inputs.policy.unrestricted)  // yett/uapi.h; without a filter nobody would hear
    entries.push_back({.kind = MountKind::device, .target = "/dev/yett", .source = "/dev/null"});
  MountEntry pts{.kind = MountKind::devpts, .target = "/dev/pts"};
  pts.writable = Writable::yes;
  entries.push_back(std::move(pts));
  entries.push_back(directory_entry("/dev/shm", 01777, true));
  entries.push_back(symlink_entry("/dev/ptmx", "pts/ptmx"));
  entries.push_back(symlink_entry("/dev/fd", "/proc/self/fd"));
  entries.push_back(symlink_entry("/dev/stdin", "/proc/self/fd/0"));
  entries.push_back(symlink_entry("/dev/stdout", "/proc/self/fd/1"));
  entries.push_back(symlink_entry("/dev/stderr", "/proc/self/fd/2"));
}

}  // namespace yett
