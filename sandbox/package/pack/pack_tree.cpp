#include "sandbox/package/pack/pack_tree.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/scope_exit.hpp"

namespace yett {
namespace {

constexpr std::size_t kMaxDepth = 256;

Result<std::vector<std::string>> components_of(const std::string& path) {
  std::vector<std::string> components;
  std::string_view rest = path;
  while (!rest.empty()) {
    const auto slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part == "..") return fail(request_error(path, "a place inside a package has no '..'"));
    if (!part.empty() && part != ".") components.emplace_back(part);
  }
  if (components.size() > kMaxDepth) return fail(request_error(path, "is nested too deeply"));
  return components;
}

Result<std::vector<std::string>> names_in(const std::string& directory) {
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return fail(errno_error("read directory", directory));
  const ScopeExit close([stream] { ::closedir(stream); });
  std::vector<std::string> names;
  errno = 0;
  while (const struct dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail(errno_error("read directory", directory));
  return names;
}

Result<std::string> link_text(const std::string& path) {
  std::string text(4096, '\0');
  const ssize_t length = ::readlink(path.c_str(), text.data(), text.size());
  if (length < 0) return fail(errno_error("read link", path));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

void note(std::uint64_t& count, std::string& example, const std::string& path) {
  if (count++ == 0) example = path;
}

void add_up(const PackNode& node, PackTotals& totals) {
  totals.newest = std::max(totals.newest, node.modified);
  switch (node.type) {
    case NodeType::directory:
      ++totals.directories;
      break;
    case NodeType::regular:
      ++totals.files;
      totals.bytes += node.size;
      break;
    case NodeType::symlink:
      ++totals.links;
      break;
  }
  for (const auto& [name, child] : node.children) add_up(*child, totals);
}

void clamp(PackNode& node, std::int64_t latest) {
  node.modified = std::min(node.modified, latest);
  for (auto& [name, child] : node.children) clamp(*child, latest);
}

}  // namespace

PackTotals PackTree::totals() const {
  PackTotals totals;
  add_up(*root_, totals);
  return totals;
}

void PackTree::clamp_times(std::int64_t latest) { clamp(*root_, latest); }

const PackNode* PackTree::find(std::string_view path) const {
  const auto components = components_of(std::string(path));
  if (!components) return nullptr;
  const PackNode* node = root_.get();
  for (const std::string& name : *components) {
    const auto child = node->children.find(name);
    if (child == node->children.end()) return nullptr;
    node = child->second.get();
  }
  return node;
}

Result<PackTree::Place> PackTree::place_for(const std::string& destination) {
  YETT_TRY(std::vector<std::string> components, components_of(destination));
  Place place{.directory = root_.get(), .name = {}};
  if (components.empty()) return place;
  place.name = std::move(components.back());
  components.pop_back();
  for (const std::string& name : components) {
    auto& child = place.directory->children[name];
    if (!child) child = std::make_unique<PackNode>();
    if (child->type != NodeType::directory)
      return fail(request_error(destination, "'" + name + "' is not a directory in the package"));
    place.directory = child.get();
  }
  return place;
}

Status PackTree::put(const std::string& destination, std::unique_ptr<PackNode> node) {
  YETT_TRY(const Place place, place_for(destination));
  if (place.name.empty()) return fail(request_error(destination, "names no file in the package"));
  auto& slot = place.directory->children[place.name];
  const bool slot_is_directory = slot && slot->type == NodeType::directory;
  if (slot_is_directory && node->type != NodeType::directory)
    return fail(request_error(destination, "is a directory in the package already"));
  if (slot_is_directory)
    node->children = std::move(slot->children);  // keeps what is there, takes the new attributes
  slot = std::move(node);
  return {};
}

// nullptr for what cannot be packed.
Result<std::unique_ptr<PackNode>> PackTree::make_node(const std::string& source) {
  struct stat status{};
  if (::lstat(source.c_str(), &status) != 0) return fail(errno_error("stat", source));
  auto node = std::make_unique<PackNode>();
  node->mode = status.st_mode & 01777;
  node->modified = status.st_mtim.tv_sec;
  if (S_ISDIR(status.st_mode)) return node;
  if (S_ISLNK(status.st_mode)) {
    node->type = NodeType::symlink;
    node->mode = 0777;
    YETT_TRY(node->content, link_text(source));
    return node;
  }
  if (!S_ISREG(status.st_mode)) {
    note(notes_.special_files, notes_.special_example, source);
    return nullptr;
  }
  // SECURITY(package_no_set_id): a package is mounted nosuid, and its files do not even ask.
  if ((status.st_mode & (S_ISUID | S_ISGID)) != 0)
    note(notes_.set_id_files, notes_.set_id_example, source);
  if ((status.st_mode & S_IROTH) == 0)
    note(notes_.owner_only_files, notes_.owner_only_example, source);
  node->type = NodeType::regular;
  node->size = static_cast<std::uint64_t>(status.st_size);
  node->host_path = source;
  return node;
}

Status PackTree::scan(const std::string& source, PackNode& into) {
  YETT_TRY(const std::vector<std::string> names, names_in(source));
  for (const std::string& name : names) {
    const std::string path = (source == "/" ? "" : source) + "/" + name;
    YETT_TRY(std::unique_ptr<PackNode> node, make_node(path));
    if (!node) continue;
    auto& slot = into.children[name];
    if (slot && slot->type == NodeType::directory && node->type == NodeType::directory)
      node->children = std::move(slot->children);
    if (node->type == NodeType::directory) YETT_CHECK(scan(path, *node));
    slot = std::move(node);
  }
  return {};
}

Status PackTree::add_directory(const std::string& source, const std::string& destination) {
  struct stat status{};
  if (::stat(source.c_str(), &status) != 0) return fail(errno_error("pack", source));
  if (!S_ISDIR(status.st_mode)) return fail(request_error(source, "is not a directory"));
  YETT_TRY(const Place place, place_for(destination));
  PackNode* target = place.directory;
  if (!place.name.empty()) {
    auto& slot = target->children[place.name];
    if (!slot) slot = std::make_unique<PackNode>();
    if (slot->type != NodeType::directory)
      return fail(request_error(destination, "is a file in the package already"));
    target = slot.get();
  }
  target->mode = status.st_mode & 01777;
  target->modified = std::max(target->modified, std::int64_t{status.st_mtim.tv_sec});
  return scan(source, *target);
}

Status PackTree::add(const std::string& source, const std::string& destination) {
  YETT_TRY(std::unique_ptr<PackNode> node, make_node(source));
  if (!node) return fail(request_error(source, "is a device, a socket or a FIFO"));
  if (node->type == NodeType::directory) return add_directory(source, destination);
  return put(destination, std::move(node));
}

Status PackTree::add_content(const std::string& destination, std::string content) {
  auto node = std::make_unique<PackNode>();
  node->type = NodeType::regular;
  node->mode = 0644;
  node->size = content.size();
  node->content = std::move(content);
  return put(destination, std::move(node));
}

Status PackTree::make_directory(const std::string& destination, std::uint32_t mode) {
  auto node = std::make_unique<PackNode>();
  node->mode = mode;
  return put(destination, std::move(node));
}

Status PackTree::add_link(const std::string& destination, std::string text) {
  auto node = std::make_unique<PackNode>();
  node->type = NodeType::symlink;
  node->mode = 0777;
  node->content = std::move(text);
  return put(destination, std::move(node));
}

}  // namespace yett
