#include "sandbox/guard/keeper_request.hpp"

#include <algorithm>

namespace yett {
namespace {

constexpr std::size_t kMostDirectories = 8;
constexpr std::size_t kLongestPath = 3072;  // with the name of a file in it, well below PATH_MAX
constexpr char kFirstIsV2 = '2';
constexpr char kFirstIsV1 = '1';

bool is_sandboxes(std::string_view path) {
  const std::size_t name = path.rfind('/');
  if (path.size() > kLongestPath || !path.starts_with('/') || name + 1 == path.size()) return false;
  const std::string_view own = path.substr(name + 1);
  return own != "." && own != ".." && path.substr(0, name).ends_with("/yett") &&
         path.find("/../") == std::string_view::npos;
}

}  // namespace

std::string make_keeper_request(const KeptCgroups& cgroups) {
  std::string message(1, cgroups.first_is_v2 ? kFirstIsV2 : kFirstIsV1);
  for (const std::string& each : cgroups.directories) message += each + '\0';
  return message;
}

std::optional<KeptCgroups> parse_keeper_request(std::string_view message) {
  if (message.empty() || (message[0] != kFirstIsV2 && message[0] != kFirstIsV1))
    return std::nullopt;
  KeptCgroups cgroups{.directories = {}, .first_is_v2 = message[0] == kFirstIsV2};
  message.remove_prefix(1);
  while (!message.empty()) {
    const std::size_t end = message.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    cgroups.directories.emplace_back(message.substr(0, end));
    message.remove_prefix(end + 1);
  }
  const bool is_good = !cgroups.directories.empty() &&
                       cgroups.directories.size() <= kMostDirectories &&
                       std::ranges::all_of(cgroups.directories, is_sandboxes);
  if (!is_good) return std::nullopt;
  return cgroups;
}

}  // namespace yett
