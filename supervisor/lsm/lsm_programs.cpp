#include "supervisor/lsm/lsm_programs.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>

#include <yett/lsm.skel.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/scope_exit.hpp"
#include "ioctl_uapi/lsm_policy.h"
#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/lsm/bpf_object.hpp"
#include "supervisor/lsm/canary.hpp"
#include "supervisor/lsm/pin_directory.hpp"

namespace yett {
namespace {

// Hooks younger than 6.1, and ones that a kernel without the feature behind them has not. Any other
// hook that is missing would be a hole, so it is an error.
constexpr std::array<std::string_view, 9> kOptionalHooks{
    "file_truncate",  "userns_create", "uring_override_creds",
    "uring_sqpoll",   "uring_cmd",     "uring_allowed",
    "key_permission", "key_alloc",     "quotactl"};

constexpr const char* kLoading = "loading";

std::span<const std::byte> object_bytes() {
  std::size_t size = 0;
  const void* bytes = yett_lsm__elf_bytes(&size);
  return {static_cast<const std::byte*>(bytes), size};
}

// FNV-1a: tells builds apart; the directory is root's alone, so nobody picks collisions.
std::string set_name() {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::byte byte : object_bytes())
    hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3U;
  return fmt::format("lsm-{:016x}", hash);
}

struct BtfCloser {
  void operator()(btf* types) const { btf__free(types); }
};

std::string hook_of(const bpf_program& program) {
  const std::string_view section = bpf_program__section_name(&program);
  return std::string(section.substr(section.find('/') + 1));
}

Result<LsmHooks> select_hooks(bpf_object& object) {
  const std::unique_ptr<btf, BtfCloser> kernel(btf__load_vmlinux_btf());
  if (!kernel)
    return fail(host_error("BPF LSM",
                           "the kernel has no type information (/sys/kernel/btf/vmlinux)",
                           "a kernel with CONFIG_DEBUG_INFO_BTF"));
  LsmHooks hooks;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, &object) {
    const std::string hook = hook_of(*program);
    const bool present =
        btf__find_by_name_kind(kernel.get(), ("bpf_lsm_" + hook).c_str(), BTF_KIND_FUNC) > 0;
    if (!present && std::ranges::find(kOptionalHooks, hook) == kOptionalHooks.end())
      return fail(host_error("BPF LSM", "this kernel has no hook " + hook,
                             "a kernel with CONFIG_BPF_LSM and CONFIG_SECURITY_PATH"));
    bpf_program__set_autoload(program, present);
    (present ? hooks.attached : hooks.absent).push_back(hook);
  }
  return hooks;
}

// One system call for all slots: an update of a map of maps waits for every running program.
Status make_rings(const bpf_object& object) {
  const int outer = bpf_object__find_map_fd_by_name(&object, "yett_rings");
  std::array<UniqueFd, YETT_EVENT_SLOTS> rings;
  std::array<std::uint32_t, YETT_EVENT_SLOTS> slots{};
  std::array<int, YETT_EVENT_SLOTS> fds{};
  for (std::uint32_t i = 0; i < YETT_EVENT_SLOTS; ++i) {
    rings[i].reset(
        bpf_map_create(BPF_MAP_TYPE_RINGBUF, "yett_ring", 0, 0, YETT_EVENT_RING_BYTES, nullptr));
    if (!rings[i].valid()) return fail(errno_error("make BPF ring buffer"));
    slots[i] = i;
    fds[i] = rings[i].get();
  }
  std::uint32_t count = YETT_EVENT_SLOTS;
  const int result = bpf_map_update_batch(outer, slots.data(), fds.data(), &count, nullptr);
  if (result != 0) return fail(bpf_error(result, "place BPF ring buffers", "yett_rings"));
  return {};
}

Status write_canary_entry(const bpf_object& object) {
  const std::uint32_t id = YETT_CANARY_POLICY;
  yett_policy entry{};
  entry.magic = YETT_POLICY_MAGIC;
  entry.generation = 1;
  entry.flags = YETT_REFUSE_KERNEL;
  entry.event_slot = YETT_NO_EVENT_SLOT;
  const int fd = bpf_object__find_map_fd_by_name(&object, "yett_policies");
  const int result = bpf_map_update_elem(fd, &id, &entry, BPF_ANY);
  if (result != 0) return fail(bpf_error(result, "write BPF map", "yett_policies"));
  return {};
}

Status attach_and_pin(bpf_object& object, const PinDirectory& directory) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, &object) {
    if (!bpf_program__autoload(program)) continue;
    const BpfLink link(bpf_program__attach_lsm(program));
    if (!link) return fail(bpf_error(-errno, "attach BPF LSM program", hook_of(*program)));
    const std::string path = directory.path(kLoading, "link_" + hook_of(*program));
    if (const int result = bpf_link__pin(link.get(), path.c_str()); result != 0)
      return fail(bpf_error(result, "pin", path));
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, &object) {
    if (bpf_map__is_internal(map)) continue;
    const std::string path = directory.path(kLoading, bpf_map__name(map));
    if (const int result = bpf_map__pin(map, path.c_str()); result != 0)
      return fail(bpf_error(result, "pin", path));
  }
  return {};
}

Result<LsmMaps> open_maps(const PinDirectory& directory, const std::string& set) {
  LsmMaps maps;
  const std::array<std::pair<UniqueFd*, const char*>, 9> wanted{
      {{&maps.labels, "yett_labels"},
       {&maps.policies, "yett_policies"},
       {&maps.counters, "yett_counters"},
       {&maps.globals, "yett_globals"},
       {&maps.tags, "yett_tags"},
       {&maps.roots, "yett_roots"},
       {&maps.endpoints, "yett_endpoints"},
       {&maps.rings, "yett_rings"},
       {&maps.slots, "yett_slots"}}};
  for (const auto& [fd, name] : wanted) {
    const std::string path = directory.path(set, name);
    fd->reset(bpf_obj_get(path.c_str()));
    if (!fd->valid()) return fail(errno_error("open pinned BPF map", path));
  }
  return maps;
}

Status load_set(const PinDirectory& directory, const std::string& set) {
  // Its module's types are needed when the programs are loaded, and asking for it loads the module.
  if (const int overlay = sys_fsopen("overlay"); overlay >= 0) UniqueFd(overlay).reset();
  YETT_TRY(const BpfObject object, open_bpf_object("yett_lsm", object_bytes()));
  YETT_TRY(const LsmHooks hooks, select_hooks(*object));
  if (const int result = bpf_object__load(object.get()); result != 0)
    return fail(bpf_error(result, "load BPF LSM programs", {}));
  directory.remove_set(kLoading);  // of a loader that was killed half-way
  YETT_CHECK(directory.make_set(kLoading));
  ScopeExit undo([&directory] { directory.remove_set(kLoading); });
  YETT_CHECK(make_rings(*object));
  YETT_CHECK(write_canary_entry(*object));
  YETT_CHECK(attach_and_pin(*object, directory));
  YETT_CHECK(run_canary(BorrowedFd(bpf_object__find_map_fd_by_name(object.get(), "yett_labels"))));
  YETT_CHECK(directory.publish(kLoading, set));
  undo.release();
  return {};
}

// True when no sandbox has an entry in the set: only the canary's is left.
bool is_idle(const PinDirectory& directory, const std::string& set) {
  const UniqueFd policies(bpf_obj_get(directory.path(set, "yett_policies").c_str()));
  if (!policies.valid()) return true;
  std::uint32_t key = YETT_CANARY_POLICY;
  std::uint32_t next = 0;
  if (bpf_map_get_next_key(policies.get(), nullptr, &next) != 0) return true;
  return next == key && bpf_map_get_next_key(policies.get(), &key, &next) != 0;
}

void sweep_other_sets(const PinDirectory& directory, const std::string& ours) {
  for (const std::string& set : directory.sets())
    if (set != ours && is_idle(directory, set)) directory.remove_set(set);
}

}  // namespace

Result<LsmMaps> open_lsm_programs() {
  const std::string set = set_name();
  YETT_TRY(PinDirectory shared, PinDirectory::open(PinLock::shared, PinDirectoryMissing::make));
  if (!shared.has(set)) {
    UniqueFd(std::move(shared).into_lock()).reset();
    YETT_TRY(PinDirectory exclusive,
             PinDirectory::open(PinLock::exclusive, PinDirectoryMissing::make));
    if (!exclusive.has(set)) YETT_CHECK(load_set(exclusive, set));
    sweep_other_sets(exclusive, set);
    shared = std::move(exclusive);
  }
  YETT_TRY(LsmMaps maps, open_maps(shared, set));
  YETT_CHECK(run_canary(maps.labels.borrow()));
  maps.lock = std::move(shared).into_lock();
  return maps;
}

Result<LsmHooks> list_lsm_hooks() {
  YETT_TRY(const BpfObject object, open_bpf_object("yett_lsm", object_bytes()));
  return select_hooks(*object);
}

Status remove_lsm_programs() {
  auto directory = PinDirectory::open(PinLock::exclusive, PinDirectoryMissing::is_error);
  if (!directory) {
    if (directory.error().kind == ErrorKind::target_gone) return {};
    return fail(std::move(directory).error());
  }
  for (const std::string& set : directory->sets()) directory->remove_set(set);
  remove_pin_directory();
  return {};
}

}  // namespace yett
