// Classes of cache and memory bandwidth (linux.intelRdt; the kernel's resctrl filesystem): a
// directory for each class, files to write what it may have and who is in it.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runsc-like/oci/config/linux.hpp"

namespace yett::oci {

struct RdtPlan {
  std::string group;              // directory of the class
  std::string monitor;            // directory of the container's own monitoring; empty: none
  std::string schemata;           // lines to write; empty: nothing is written
  bool make_group = false;        // it is not there
  bool remove_group = false;      // it is the container's alone
  bool compare_schemata = false;  // it is there: what is asked must be what it has
};

// The mount point of resctrl. Error: there is none.
[[nodiscard]] Result<std::string> find_resctrl();
// Looks at what is there and changes nothing. Error: a class that should be there is not, or the
// other way round.
[[nodiscard]] Result<RdtPlan> plan_rdt(const IntelRdt& asked, const std::string& container,
                                       const std::string& resctrl);
// Directories that the container's end takes away, in this order.
[[nodiscard]] std::vector<std::string> made_by_rdt(const RdtPlan& plan);
// Directories that each process of the container is put in, in this order.
[[nodiscard]] std::vector<std::string> joined_by_rdt(const RdtPlan& plan);

[[nodiscard]] Status make_rdt(const RdtPlan& plan);
[[nodiscard]] Status join_rdt(const std::vector<std::string>& directories, int pid);

// Whether each value of `asked` ("L3:0=7f0;1=1f", a line for each resource) stands in `there`; what
// `asked` leaves out does not matter. Pure.
[[nodiscard]] bool schemata_agree(std::string_view asked, std::string_view there);

}  // namespace yett::oci
