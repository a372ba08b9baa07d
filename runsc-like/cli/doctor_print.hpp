// A HostReport for people and for programs.
#pragma once

#include <string>

#include "runsc-like/cli/host_report.hpp"

namespace yett {

enum class Colours { no, yes };
enum class Detail {
  everything,
  kernel_only,  // what a kernel can be configured to give, with its options
};

[[nodiscard]] std::string doctor_table(const HostReport& report, Detail detail, Colours colours);
[[nodiscard]] std::string doctor_json(const HostReport& report);

}  // namespace yett
