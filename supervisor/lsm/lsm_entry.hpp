// One sandbox's entry in the LSM programs' maps: its policy, rule roots, endpoints, event ring.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/lsm_policy.h"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/lsm/endpoint_sets.hpp"
#include "supervisor/lsm/lsm_programs.hpp"
#include "supervisor/lsm/process_identity.hpp"

namespace yett {

class LsmEntry {
 public:
  // Writes the entry; entries of dead supervisors are swept when the maps are full.
  [[nodiscard]] static Result<LsmEntry> make(const LsmPlan& plan, LsmMaps maps);
  LsmEntry(LsmEntry&& other) noexcept;
  LsmEntry& operator=(LsmEntry&&) = delete;
  // Removes the entry: tasks that still wear its label are denied everything from then on.
  ~LsmEntry();

  // Tags the rule roots as the child sees them below `root`, then labels the child. Its mounts must
  // be complete: a mount made later lies below no rule.
  [[nodiscard]] Status label(BorrowedFd pidfd, BorrowedFd root);
  // Without looking at the paths of its rules again.
  [[nodiscard]] Status label_more(BorrowedFd pidfd);

  // The entry is a dead one's when that process has ended, instead of the calling one.
  [[nodiscard]] Status belong_to(BorrowedFd process);

  // What may be connected to beside the plan's own, from now on: in place of what was given before.
  [[nodiscard]] Status set_more_connect(const std::vector<EndpointRule>& more);

  // These rules and `more` in place of the plan's and what was given beside them, in one step.
  // Errors: nothing has changed.
  [[nodiscard]] Status replace_rules(const LsmPlan& plan, const std::vector<EndpointRule>& more);

  // This sandbox's ring, or invalid: all slots are taken, its events are only counted.
  [[nodiscard]] BorrowedFd ring() const { return ring_.borrow(); }
  [[nodiscard]] const yett_label& identity() const { return label_; }
  [[nodiscard]] yett_counts counts() const;

 private:
  LsmEntry(LsmPlan plan, LsmMaps maps);
  [[nodiscard]] Result<std::optional<std::uint32_t>> take_free_slot();
  [[nodiscard]] Status claim_slot();
  [[nodiscard]] Result<yett_policy> policy_entry(const LsmPlan& plan, std::uint8_t rules) const;
  [[nodiscard]] Status insert_policy();
  [[nodiscard]] Status insert_endpoints();
  [[nodiscard]] Status tag_roots(BorrowedFd pidfd, BorrowedFd root);
  [[nodiscard]] Status tag_root(BorrowedFd root, const std::string& path, std::uint32_t bits);
  void remove();

  LsmPlan plan_;
  LsmMaps maps_;
  yett_label label_{};
  std::optional<ProcessIdentity> owner_;  // none: the calling process
  bool inserted_ = false;
  std::optional<std::uint32_t> slot_;
  UniqueFd ring_;
  std::vector<yett_root_key> root_keys_;
  std::optional<EndpointSets> endpoints_;
  std::vector<UniqueFd> held_inodes_;  // a tag lives as long as its inode is in memory
};

// The policy flags that a plan asks for. Pure.
[[nodiscard]] std::uint32_t make_policy_flags(const LsmPlan& plan);

}  // namespace yett
