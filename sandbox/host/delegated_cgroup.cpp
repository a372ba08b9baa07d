#include "sandbox/host/delegated_cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/unique_fd.hpp"
#include "sandbox/host/probe_parts.hpp"
#include "sandbox/host/read_file.hpp"

namespace yett {
namespace {

constexpr const char* kMend =
    "start it by: systemd-run --user --scope -p Delegate=yes yett run ...";

// Root has not delegated to itself: what it may write in, it need not have been given.
bool is_ours(const std::string& directory) {
  for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control"}) {
    const std::string path = directory + file;
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || status.st_uid != ::geteuid() ||
        ::access(path.c_str(), W_OK) != 0)
      return false;
  }
  return true;
}

// systemd's word for "yours": without it a cgroup below the user's manager is the manager's.
bool is_marked(const std::string& directory) {
  char value = 0;
  return ::getxattr(directory.c_str(), "user.delegate", &value, 1) == 1 && value == '1';
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Empty: nothing on the way up was delegated.
std::string nearest_delegated(const std::string& mount, const std::string& own) {
  for (std::string at = mount + own; at.size() > mount.size() && is_ours(at); at = parent_of(at))
    if (is_marked(at) || !is_ours(parent_of(at))) return at;
  return {};
}

bool is_managed(const std::string& directory) {
  return ::access((directory + "/init.scope").c_str(), F_OK) == 0;
}

DelegatedCgroup none(std::string why) {
  return {.features = {}, .missing = std::move(why), .holds_the_caller = false};
}

void add_controllers(std::string_view names, CgroupFeatures& features) {
  while (!names.empty()) {
    const std::size_t end = names.find_first_of(" \n");
    if (end != 0) features.v2_controllers.emplace(names.substr(0, end), true);
    names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
  }
}

std::string own_cgroup() {
  const std::string text = "\n" + read_file("/proc/self/cgroup").value_or("");
  const std::size_t at = text.find("\n0::");
  if (at == std::string::npos) return {};
  return text.substr(at + 4, text.find('\n', at + 4) - at - 4);
}

bool move_into_leaf(const std::string& directory) {
  const std::string leaf = directory + "/yett-supervisor";
  if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return false;
  const UniqueFd procs(::open((leaf + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  return procs.valid() && ::write(procs.get(), "0", 1) == 1;
}

}  // namespace

DelegatedCgroup find_delegated_cgroup(const std::string& mount, const std::string& own,
                                      pid_t caller) {
  const std::string directory = nearest_delegated(mount, own);
  if (directory.empty()) return none(std::string("no cgroup was delegated; ") + kMend);
  if (is_managed(directory))
    return none(std::string("its cgroup is the user's systemd's; ") + kMend);
  const std::string members = read_file(directory + "/cgroup.procs").value_or("");
  const bool holds_the_caller = members == std::to_string(caller) + "\n";
  if (!members.empty() && !holds_the_caller)
    return none("other processes are in its delegated cgroup " + directory);
  DelegatedCgroup found;
  found.features.layout = CgroupLayout::v2;
  found.features.v2_mount = directory;
  found.holds_the_caller = holds_the_caller;
  add_controllers(read_file(directory + "/cgroup.controllers").value_or(""), found.features);
  return found;
}

DelegatedCgroup look_for_delegated_cgroup() {
  const std::string mount =
      parse_cgroup_mounts(read_file("/proc/self/mountinfo").value_or("")).v2_mount;
  const std::string own = own_cgroup();
  if (mount.empty() || own.size() < 2)
    return none(std::string("no cgroup was delegated; ") + kMend);
  return find_delegated_cgroup(mount, own, ::getpid());
}

DelegatedCgroup take_delegated_cgroup() {
  DelegatedCgroup found = look_for_delegated_cgroup();
  if (found.holds_the_caller && !move_into_leaf(found.features.v2_mount))
    return none("it cannot leave its delegated cgroup " + found.features.v2_mount);
  return found;
}

}  // namespace yett
