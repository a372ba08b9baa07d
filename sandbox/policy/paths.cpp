#include "sandbox/policy/paths.hpp"

#include <linux/limits.h>

namespace yett {

std::expected<std::string, std::string> normalise_path(std::string_view path) {
  if (path.empty() || path[0] != '/') return std::unexpected("the path must be absolute");
  if (path.size() >= PATH_MAX) return std::unexpected("the path is too long");
  if (path.find('\0') != std::string_view::npos) return std::unexpected("the path holds a NUL");
  std::string normal;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") return std::unexpected("the path holds '..'");
    normal += '/';
    normal += part;
  }
  return normal.empty() ? "/" : normal;
}

bool is_within(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return true;
  return path.starts_with(ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

}  // namespace yett
