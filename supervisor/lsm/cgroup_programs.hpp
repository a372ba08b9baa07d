// One sandbox's cgroup programs: loaded for it, attached to its cgroup, and living as long as that
// cgroup, so that the supervisor's death takes no rule away. Not pinned.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/lsm_policy.h"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/lsm/bpf_object.hpp"

namespace yett {

class CgroupPrograms {
 public:
  // `cgroup`: the sandbox's cgroup v2 directory. Only the programs that the plan needs are loaded.
  [[nodiscard]] static Result<CgroupPrograms> attach(const CgroupBpfPlan& plan, BorrowedFd cgroup);

  [[nodiscard]] BorrowedFd ring() const;
  [[nodiscard]] yett_counts counts() const;

 private:
  explicit CgroupPrograms(BpfObject object) : object_(std::move(object)) {}
  [[nodiscard]] int map(const char* name) const;
  [[nodiscard]] Status arm(const CgroupBpfPlan& plan) const;
  [[nodiscard]] Status attach_all(BorrowedFd cgroup) const;

  BpfObject object_;
};

}  // namespace yett
