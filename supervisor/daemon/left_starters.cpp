#include "supervisor/daemon/left_starters.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace yett {
namespace {

// FNV-1a: for a name that is short enough for a socket's. What is alike is root's own doing.
std::uint64_t digest(const std::string& text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char each : text) value = (value ^ static_cast<unsigned char>(each)) * 0x100000001b3;
  return value;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::string prefix_of(const std::string& served) {
  return fmt::format("starter-{:016x}-", digest(served));
}

}  // namespace

std::string make_door_path(const std::string& directory, const std::string& served) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return fmt::format("{}/{}{:016x}-{}", directory, prefix_of(served),
                     std::chrono::nanoseconds(now).count(), ::getpid());
}

std::vector<std::string> find_doors(const std::string& directory, const std::string& served) {
  std::vector<std::string> found;
  const std::string prefix = prefix_of(served);
  const std::unique_ptr<DIR, CloseDirectory> opened(::opendir(directory.c_str()));
  if (!opened) return found;
  while (const dirent* entry = ::readdir(opened.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name.starts_with(prefix)) found.push_back(directory + "/" + std::string(name));
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace yett
