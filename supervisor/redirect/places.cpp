#include "supervisor/redirect/places.hpp"

#include <algorithm>
#include <array>

#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

constexpr std::array<std::string_view, 3> kKernels{"/proc", "/sys", "/dev"};

bool is_in_one(std::string_view path, const auto& places) {
  return std::ranges::any_of(places,
                             [path](std::string_view place) { return is_within(path, place); });
}

}  // namespace

bool Places::is_written(std::string_view path) const { return is_in_one(path, plan_.written); }
bool Places::is_shown(std::string_view path) const { return is_in_one(path, plan_.shown); }
bool Places::is_kernels(std::string_view path) { return is_in_one(path, kKernels); }

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

std::string name_of(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

std::string join(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (path != "/") path += '/';
  return path.append(name);
}

}  // namespace yett
