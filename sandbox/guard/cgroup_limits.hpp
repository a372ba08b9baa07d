// The limits of a plan as the files of a cgroup hierarchy. Pure.
#pragma once

#include <string>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"

namespace yett {

enum class CgroupVersion { v1, v2 };
enum class WhenAbsent {
  error,
  ignore_without_swap,  // swap accounting is missing, which is harmless on a host without swap
};

struct CgroupLimitFile {
  std::string controller;
  std::string file;
  std::string value;
  WhenAbsent when_absent = WhenAbsent::error;
};

// In the order in which they must be written.
[[nodiscard]] std::vector<CgroupLimitFile> cgroup_limit_files(const CgroupPlan& plan,
                                                              CgroupVersion version);

}  // namespace yett
