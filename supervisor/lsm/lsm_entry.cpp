#include "supervisor/lsm/lsm_entry.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "ioctl_uapi/mount_api.hpp"
#include "supervisor/lsm/bpf_object.hpp"
#include "supervisor/lsm/entry_sweep.hpp"
#include "supervisor/lsm/mount_points.hpp"
#include "supervisor/lsm/process_identity.hpp"

namespace yett {
namespace {

constexpr std::uint32_t kFirstId = 16;  // below: reserved, such as the canary's

Status update(const UniqueFd& map, const char* name, const void* key, const void* value,
              std::uint64_t flags = BPF_ANY) {
  if (bpf_map_update_elem(map.get(), key, value, flags) == 0) return {};
  return fail(bpf_error(-errno, "write BPF map", name));
}

// The inode's tag, made on first use. Two sandboxes may race for it; both end with the same.
Result<std::uint64_t> tag_of(const UniqueFd& tags, int inode) {
  std::uint64_t tag = 0;
  if (bpf_map_lookup_elem(tags.get(), &inode, &tag) == 0) return tag;
  YETT_TRY(tag, random_bits());
  if (bpf_map_update_elem(tags.get(), &inode, &tag, BPF_NOEXIST) == 0) return tag;
  if (errno != EEXIST || bpf_map_lookup_elem(tags.get(), &inode, &tag) != 0)
    return fail(bpf_error(-errno, "tag inode", "yett_tags"));
  return tag;
}

}  // namespace

std::uint32_t make_policy_flags(const LsmPlan& plan) {
  std::uint32_t flags =
      YETT_REFUSE_MOUNTS | YETT_REFUSE_KERNEL | YETT_REFUSE_OUTSIDE_TASKS | YETT_REFUSE_ODD_SOCKETS;
  if (plan.deny_network) flags |= YETT_REFUSE_NETWORK;
  if (!plan.connect.empty() || !plan.listen.empty())
    flags |= YETT_RESTRICT_CONNECT | YETT_RESTRICT_LISTEN;
  if (!plan.write.empty()) flags |= YETT_RESTRICT_WRITE;
  if (!plan.exec.empty()) flags |= YETT_RESTRICT_EXEC;
  if (plan.deny_exec_of_written) flags |= YETT_REFUSE_EXEC_OF_WRITTEN;
  if (plan.deny_memfd_exec) flags |= YETT_REFUSE_EXEC_OF_MEMORY;
  if (plan.deny_set_ids) flags |= YETT_REFUSE_SET_IDS;
  return flags;
}

LsmEntry::LsmEntry(LsmPlan plan, LsmMaps maps) : plan_(std::move(plan)), maps_(std::move(maps)) {}

LsmEntry::LsmEntry(LsmEntry&& other) noexcept
    : plan_(std::move(other.plan_)),
      maps_(std::move(other.maps_)),
      label_(other.label_),
      inserted_(std::exchange(other.inserted_, false)),
      slot_(std::exchange(other.slot_, std::nullopt)),
      ring_(std::move(other.ring_)),
      root_keys_(std::move(other.root_keys_)),
      endpoints_(std::exchange(other.endpoints_, std::nullopt)),
      held_inodes_(std::move(other.held_inodes_)) {}

LsmEntry::~LsmEntry() { remove(); }

Result<LsmEntry> LsmEntry::make(const LsmPlan& plan, LsmMaps maps) {
  LsmEntry entry(plan, std::move(maps));
  YETT_TRY(const std::uint64_t bits, random_bits());
  entry.label_ = {.policy = static_cast<std::uint32_t>(bits) | kFirstId,
                  .generation = static_cast<std::uint32_t>(bits >> 32)};
  YETT_CHECK(entry.claim_slot());
  YETT_CHECK(entry.insert_policy());
  YETT_CHECK(entry.insert_endpoints());
  entry.maps_.lock.reset();
  return entry;
}

Result<std::optional<std::uint32_t>> LsmEntry::take_free_slot() {
  for (std::uint32_t i = 0; i < YETT_EVENT_SLOTS; ++i) {
    const std::uint32_t slot = (label_.policy + i) % YETT_EVENT_SLOTS;
    if (bpf_map_update_elem(maps_.slots.get(), &slot, &label_.policy, BPF_NOEXIST) == 0)
      return slot;
    if (errno != EEXIST) return fail(bpf_error(-errno, "claim BPF event ring", "yett_slots"));
  }
  return std::nullopt;
}

// Any free slot, after those of killed supervisors where there is none; all in use is no error:
// what is refused is then counted as lost instead of listed.
Status LsmEntry::claim_slot() {
  YETT_TRY(slot_, take_free_slot());
  if (!slot_) {
    sweep_dead_entries(maps_);
    YETT_TRY(slot_, take_free_slot());
  }
  if (!slot_) return {};
  std::uint32_t ring_id = 0;
  if (bpf_map_lookup_elem(maps_.rings.get(), &*slot_, &ring_id) != 0)
    return fail(bpf_error(-errno, "find BPF event ring", "yett_rings"));
  ring_.reset(bpf_map_get_fd_by_id(ring_id));
  if (!ring_.valid()) return fail(errno_error("open BPF event ring"));
  return {};
}

Result<yett_policy> LsmEntry::policy_entry(const LsmPlan& plan, std::uint8_t rules) const {
  ProcessIdentity owner;
  if (owner_) {
    owner = *owner_;
  } else {
    YETT_TRY(owner, own_process_identity());
  }
  yett_policy policy{};
  policy.magic = YETT_POLICY_MAGIC;
  policy.generation = label_.generation;
  policy.flags = make_policy_flags(plan);
  policy.event_slot = slot_.value_or(YETT_NO_EVENT_SLOT);
  policy.owner_pid = static_cast<std::uint32_t>(owner.pid);
  policy.owner_start = owner.start_ticks;
  policy.rules = rules;
  return policy;
}

Status LsmEntry::insert_policy() {
  const yett_counts zero{};
  YETT_CHECK(update(maps_.counters, "yett_counters", &label_.policy, &zero));
  YETT_TRY(const yett_policy policy, policy_entry(plan_, 0));
  int result = bpf_map_update_elem(maps_.policies.get(), &label_.policy, &policy, BPF_NOEXIST);
  if (result != 0 && errno == E2BIG) {
    sweep_dead_entries(maps_);
    result = bpf_map_update_elem(maps_.policies.get(), &label_.policy, &policy, BPF_NOEXIST);
  }
  inserted_ = result == 0;
  if (inserted_) return {};
  Error error = bpf_error(-errno, "write BPF map", "yett_policies");
  if (error.sys_errno == E2BIG) {
    error.kind = ErrorKind::exhausted;
    error.detail = "8192 sandboxes live under BPF LSM";
    error.mend = "end some of them";
  }
  return fail(std::move(error));
}

Status LsmEntry::insert_endpoints() {
  endpoints_.emplace(label_.policy, "yett_endpoints",
                     EndpointRules{.connect = plan_.connect, .listen = plan_.listen});
  return set_more_connect({});
}

Status LsmEntry::set_more_connect(const std::vector<EndpointRule>& more) {
  return endpoints_->set_more_connect({.prefixes = maps_.endpoints.get()}, more);
}

// The whole entry is exchanged: programs see the old one or the new one.
Status LsmEntry::replace_rules(const LsmPlan& plan, const std::vector<EndpointRule>& more) {
  return endpoints_->replace(
      {.prefixes = maps_.endpoints.get()}, {.connect = plan.connect, .listen = plan.listen}, more,
      [&](std::uint8_t number) -> Status {
        YETT_TRY(const yett_policy policy, policy_entry(plan, number));
        return update(maps_.policies, "yett_policies", &label_.policy, &policy, BPF_EXIST);
      });
}

Status LsmEntry::tag_root(BorrowedFd root, const std::string& path, std::uint32_t bits) {
  const int opened = sys_open_in_root(root.get(), path.c_str(), O_PATH | O_CLOEXEC, 0);
  if (opened == -ENOENT || opened == -ENOTDIR) return {};  // nothing there to allow
  if (opened < 0) return fail(errno_error(-opened, "open rule's path in the sandbox", path));
  held_inodes_.emplace_back(opened);
  YETT_TRY(const std::uint64_t tag, tag_of(maps_.tags, opened));
  const yett_root_key key{.policy = label_.policy, .padding = 0, .tag = tag};
  std::uint32_t known = 0;
  if (bpf_map_lookup_elem(maps_.roots.get(), &key, &known) == 0) bits |= known;
  YETT_CHECK(update(maps_.roots, "yett_roots", &key, &bits));
  root_keys_.push_back(key);
  return {};
}

// Walks do not cross mounts, so each mount below a rule's path is a root of the rule too.
Status LsmEntry::tag_roots(BorrowedFd pidfd, BorrowedFd root) {
  if (plan_.write.empty() && plan_.exec.empty()) return {};
  YETT_TRY(const std::vector<std::string> mounts, list_mount_points(pidfd));
  for (const auto& [rules, bit] : {std::pair{&plan_.write, std::uint32_t{YETT_ROOT_WRITE}},
                                   std::pair{&plan_.exec, std::uint32_t{YETT_ROOT_EXEC}}}) {
    for (const PathRule& rule : *rules) {
      YETT_CHECK(tag_root(root, rule.path, bit));
      for (const std::string& mount : mounts)
        if (is_below(mount, rule.path)) YETT_CHECK(tag_root(root, mount, bit));
    }
  }
  return {};
}

Status LsmEntry::label(BorrowedFd pidfd, BorrowedFd root) {
  YETT_CHECK(tag_roots(pidfd, root));
  return label_more(pidfd);
}

// SECURITY(start_race): from outside, while the child waits for its release.
Status LsmEntry::label_more(BorrowedFd pidfd) {
  const int key = pidfd.get();
  return update(maps_.labels, "yett_labels", &key, &label_);
}

Status LsmEntry::belong_to(BorrowedFd process) {
  YETT_TRY(const pid_t pid, pid_of(process));
  YETT_TRY(owner_, process_identity(pid));
  yett_policy policy{};
  if (bpf_map_lookup_elem(maps_.policies.get(), &label_.policy, &policy) != 0)
    return fail(bpf_error(-errno, "read BPF map", "yett_policies"));
  policy.owner_pid = static_cast<std::uint32_t>(owner_->pid);
  policy.owner_start = owner_->start_ticks;
  return update(maps_.policies, "yett_policies", &label_.policy, &policy, BPF_EXIST);
}

yett_counts LsmEntry::counts() const {
  yett_counts counts{};
  bpf_map_lookup_elem(maps_.counters.get(), &label_.policy, &counts);
  return counts;
}

void LsmEntry::remove() {
  // The policy first: what is still labelled is denied before its rules vanish.
  if (inserted_) bpf_map_delete_elem(maps_.policies.get(), &label_.policy);
  if (maps_.counters.valid()) bpf_map_delete_elem(maps_.counters.get(), &label_.policy);
  for (const yett_root_key& key : root_keys_) bpf_map_delete_elem(maps_.roots.get(), &key);
  if (endpoints_) endpoints_->remove_all({.prefixes = maps_.endpoints.get()});
  if (slot_) bpf_map_delete_elem(maps_.slots.get(), &*slot_);
}

}  // namespace yett
