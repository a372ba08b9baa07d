// The mount list of a plan: which files exist inside, and what may be written and executed there.
// The rule of every mount: writable or executable, never both, unless the policy grants execution
// of written files or BPF LSM holds that rule. SECURITY(write-xor-execute)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sandbox/plan/planner.hpp"

namespace yett {

// What the planner's steps share, each by reference: they outlive the making of the plan.
struct PlanInputs {
  const SandboxRequest& request;
  const Policy& policy;
  const KernelFeatures& features;
  const PlanContext& context;
};

// The choice of mode as the other steps read it: choose_mode has found it possible.
[[nodiscard]] inline bool is_rootless(const PlanInputs& inputs) { return !inputs.features.is_root; }

[[nodiscard]] inline bool is_fallback(const PlanInputs& inputs) {
  return is_rootless(inputs) && !inputs.features.is_namespace_root;
}

// Whether a bind of `source` cannot be idmapped.
[[nodiscard]] bool keeps_owners(const PlanInputs& inputs, const std::string& source);

// Errors as make_plan's.
[[nodiscard]] Result<std::vector<MountEntry>> make_mounts(const PlanInputs& inputs);

// ---- images: entries are appended, the root first -----------------------------------------------

// The host's programs read-only, a made-up /etc, one tmpfs for the rest.
void add_host_image(const PlanInputs& inputs, std::vector<MountEntry>& entries);
// A directory or package under an overlay, writable places as mounts of their own.
[[nodiscard]] Status add_packaged_image(const PlanInputs& inputs, std::vector<MountEntry>& entries);
// ROCKER's form: the host's own top directories under overlays, the package below --exec-dir.
[[nodiscard]] Status add_overlaid_host(const PlanInputs& inputs, std::vector<MountEntry>& entries);
// /proc and /dev, for every image.
void add_system_mounts(const PlanInputs& inputs, std::vector<MountEntry>& entries);

// /etc/resolv.conf, where names can be looked up: the host's, or one that names our own server.
void add_name_servers(const PlanInputs& inputs, std::vector<MountEntry>& entries);

// ---- pieces -------------------------------------------------------------------------------------

[[nodiscard]] MountEntry directory_entry(std::string target, std::uint32_t mode,
                                         bool owned_by_user);
[[nodiscard]] MountEntry made_up_file(std::string target, std::string content);
[[nodiscard]] MountEntry symlink_entry(std::string target, std::string text);
[[nodiscard]] MountEntry tmpfs_entry(std::string target, std::uint64_t size_bytes);
[[nodiscard]] MountEntry read_only_bind(std::string source, std::string target,
                                        Executable executable);
// Of a place that can be written.
[[nodiscard]] Executable executable_when_written(const Policy& policy);
// Of a read-only place: all of them, when the policy lists no [files] exec.
[[nodiscard]] Executable executable_by_default(const Policy& policy);
// "bin", "sbin", "usr", "lib...", "opt": where programs and libraries live in a host's root.
[[nodiscard]] bool holds_programs(std::string_view top_directory);

// How the bytes that the sandbox may keep in tmpfs are shared out.
struct ScratchSizes {
  std::uint64_t root = 0;  // /tmp, /run, home and all else
  std::uint64_t dev = 0;   // /dev/shm
};
[[nodiscard]] ScratchSizes scratch_sizes(const Policy& policy);

// The home directory of the sandbox's user.
inline constexpr const char* kHome = "/home/app";

}  // namespace yett
