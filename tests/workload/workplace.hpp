// Where the workloads run: as root from each kind of image, and as an ordinary user in the modes
// that take no right, on this host and inside an ordinary container. The page of the modes tells
// which pass where; who runs a workload looks there.
#pragma once

#include <string>
#include <vector>

#include "tests/workload/images.hpp"

namespace yett::test {

struct Workplace {
  const char* name;
  Image image = Image::host;
  const char* mode = nullptr;    // of an ordinary user; null: root's
  const char* column = nullptr;  // of the page's table; null: not in it

  [[nodiscard]] bool is_roots() const { return mode == nullptr; }
  [[nodiscard]] bool is_fallback() const;
};

// In a container (YETT_WORKPLACE=container) another one than on the host.
[[nodiscard]] bool is_contained();
[[nodiscard]] std::vector<Workplace> workplaces();

// The column of what runs in a container with user namespaces, which its filter makes useless.
inline constexpr const char* kContainedRootless = "podman, rootless";
inline constexpr const char* kPasses = "passes";

// docs/modes.md (YETT_MODES_PAGE: where it is in a container). Rows are named like the tests.
[[nodiscard]] std::vector<std::string> tabled_workloads();
// Empty: the table has no such cell.
[[nodiscard]] std::string tabled(const std::string& workload, const std::string& column);

}  // namespace yett::test
