#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <string_view>

#include "sandbox/host/probe.hpp"

namespace yett {

std::vector<std::string> list_host_root() {
  std::vector<std::string> entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> root(::opendir("/"), ::closedir);
  if (!root) return entries;
  while (const dirent* entry = ::readdir(root.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entry->d_type == DT_DIR) entries.emplace_back(name);
    if (entry->d_type != DT_LNK) continue;
    std::array<char, PATH_MAX> target;
    const ssize_t size =
        ::readlinkat(::dirfd(root.get()), entry->d_name, target.data(), target.size());
    if (size > 0)
      entries.push_back(std::string(name) + " -> " +
                        std::string(target.data(), static_cast<std::size_t>(size)));
  }
  std::ranges::sort(entries);
  return entries;
}

}  // namespace yett
