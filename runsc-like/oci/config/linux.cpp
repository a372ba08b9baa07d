#include "runsc-like/oci/config/linux.hpp"

#include <linux/sched.h>

#include <algorithm>

namespace yett::oci {

const char* namespace_type_name(NamespaceType type) {
  switch (type) {
    case NamespaceType::pid:
      return "pid";
    case NamespaceType::network:
      return "network";
    case NamespaceType::mount:
      return "mount";
    case NamespaceType::ipc:
      return "ipc";
    case NamespaceType::uts:
      return "uts";
    case NamespaceType::user:
      return "user";
    case NamespaceType::cgroup:
      return "cgroup";
    case NamespaceType::time:
      return "time";
  }
  return "unknown namespace";
}

const char* namespace_proc_name(NamespaceType type) {
  if (type == NamespaceType::network) return "net";
  if (type == NamespaceType::mount) return "mnt";
  return namespace_type_name(type);
}

std::uint64_t namespace_clone_flag(NamespaceType type) {
  switch (type) {
    case NamespaceType::pid:
      return CLONE_NEWPID;
    case NamespaceType::network:
      return CLONE_NEWNET;
    case NamespaceType::mount:
      return CLONE_NEWNS;
    case NamespaceType::ipc:
      return CLONE_NEWIPC;
    case NamespaceType::uts:
      return CLONE_NEWUTS;
    case NamespaceType::user:
      return CLONE_NEWUSER;
    case NamespaceType::cgroup:
      return CLONE_NEWCGROUP;
    case NamespaceType::time:
      return CLONE_NEWTIME;
  }
  return 0;
}

const Namespace* Linux::find_namespace(NamespaceType type) const {
  const auto found = std::ranges::find(namespaces, type, &Namespace::type);
  return found == namespaces.end() ? nullptr : &*found;
}

}  // namespace yett::oci
