// One sandbox's cgroup programs: loaded for it, attached to its cgroup, and living as long as that
// cgroup, so that the supervisor's death takes no rule away. Not pinned.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/lsm_policy.h"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/lsm/bpf_object.hpp"
#include "supervisor/lsm/endpoint_sets.hpp"

namespace yett {

class CgroupPrograms {
 public:
  // `cgroup`: the sandbox's cgroup v2 directory. Only the programs that the plan needs are loaded.
  [[nodiscard]] static Result<CgroupPrograms> attach(const CgroupBpfPlan& plan, BorrowedFd cgroup);

  // What may be connected to beside the plan's own, from now on: in place of what was given before.
  [[nodiscard]] Status set_more_connect(const std::vector<EndpointRule>& more);

  // These rules and `more` in place of the plan's and what was given beside them: from one store
  // on, for each call that begins then. Errors: nothing has changed.
  [[nodiscard]] Status replace_rules(const CgroupBpfPlan& plan,
                                     const std::vector<EndpointRule>& more);

  [[nodiscard]] BorrowedFd ring() const;
  [[nodiscard]] yett_counts counts() const;

 private:
  CgroupPrograms(BpfObject object, CgroupBpfPlan plan)
      : object_(std::move(object)),
        plan_(std::move(plan)),
        endpoints_(0, "yett_cgroup_endpoints", {.connect = plan_.connect, .listen = plan_.listen}) {
  }
  [[nodiscard]] int map(const char* name) const;
  [[nodiscard]] EndpointMaps endpoint_maps() const;
  [[nodiscard]] Status arm();
  [[nodiscard]] Status name_rules(std::uint8_t number);
  [[nodiscard]] Status attach_all(BorrowedFd cgroup) const;

  BpfObject object_;
  CgroupBpfPlan plan_;
  EndpointSets endpoints_;
};

}  // namespace yett
