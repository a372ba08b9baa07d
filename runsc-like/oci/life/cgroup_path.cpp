#include "runsc-like/oci/life/cgroup_path.hpp"

#include <algorithm>

#include "sandbox/container/container_cgroup.hpp"

namespace yett::oci {

// A path of cgroupfs; systemd's has colons.
Result<std::string> choose_cgroup_path(const Config& config, const std::string& id) {
  const std::string& asked = config.linux_.cgroups_path;
  if (asked.empty()) return std::string(kContainersCgroup) + "/" + id;
  std::string path = asked.starts_with('/') ? asked : std::string(kContainersCgroup) + "/" + asked;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string name = path.substr(begin, end - begin);
    // SECURITY(container-cgroup-path)
    if (name.empty() || name == "." || name == "..")
      return fail(request_error("/linux/cgroupsPath", "goes out of itself", "leave out . and .."));
    begin = end + 1;
  }
  return path;
}

}  // namespace yett::oci
