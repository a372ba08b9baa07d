#include "sandbox/host/probe_labels.hpp"

#include "sandbox/host/read_file.hpp"

namespace yett {

LabelFeatures probe_labels() {
  const auto apparmor = read_line_file("/sys/module/apparmor/parameters/enabled");
  const auto filesystems = read_file("/proc/filesystems");
  return {.apparmor = apparmor && apparmor->starts_with('Y'),
          .selinux = filesystems && filesystems->find("selinuxfs") != std::string::npos};
}

}  // namespace yett
