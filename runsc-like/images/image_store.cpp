#include "runsc-like/images/image_store.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"
#include "ioctl_uapi/overlay_layers.hpp"
#include "runsc-like/images/remove_tree.hpp"
#include "runsc-like/oci/config/field.hpp"
#include "runsc-like/oci/config/json_document.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett {
namespace {

constexpr const char* kWorkPrefix = "new.";
constexpr int kVersion = 2;

std::vector<std::string> entries_of(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool good_part(std::string_view text) {
  const auto good = [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
  };
  return !text.empty() && text.size() <= 128 && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, good);
}

// A file name: no slash, no colon.
std::string file_of(const ImageName& name) {
  std::string file;
  for (const char byte : name.text())
    file += byte == '/'   ? std::string("%2f")
            : byte == ':' ? std::string("%3a")
                          : std::string(1, byte);
  return file;
}

std::string text_of(const StoredImage& image) {
  oci::JsonWriter json;
  json.begin_object().member("version", kVersion).member("name", image.name.name);
  json.member("tag", image.name.tag).member("layers", image.layers).member("bytes", image.bytes);
  json.member("created", image.created).member("command", image.config.command);
  json.member("environment", image.config.environment);
  json.member("workingDirectory", image.config.working_directory);
  return json.member("user", image.config.user).end_object().text();
}

Result<StoredImage> parse_image(const std::string& text, const std::string& path) {
  YETT_TRY(const oci::JsonValue document, oci::parse_json(text, path));
  oci::Reading reading{.file_name = path, .root = &document, .problems = {}, .warnings = {}};
  const oci::Field root(reading);
  StoredImage image;
  int version = 0;
  oci::read(root.require("version"), version);
  if (version > kVersion)
    return fail(request_error(path, "was written by a newer yett", "use that one, or remove it"));
  oci::read(root.require("name"), image.name.name);
  oci::read(root.require("tag"), image.name.tag);
  if (version == 1)
    oci::read(root.require("tree"), image.tree);
  else
    oci::read(root.require("layers"), image.layers);
  oci::read(root["bytes"], image.bytes);
  oci::read(root["created"], image.created);
  oci::read(root["command"], image.config.command);
  oci::read(root["environment"], image.config.environment);
  oci::read(root["workingDirectory"], image.config.working_directory);
  oci::read(root["user"], image.config.user);
  YETT_CHECK(reading.finish());
  const bool good = version == 1 ? is_digest(image.tree)
                                 : !image.layers.empty() && image.layers.size() <= kMostLayers &&
                                       std::ranges::all_of(image.layers, is_digest);
  if (!good) return fail(request_error(path, "names no layers", "remove it and import it again"));
  return image;
}

Result<std::string> read_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return fail(errno_error("open", path));
  std::string text(1U << 20U, '\0');
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  if (got < 0) return fail(errno_error("read", path));
  text.resize(static_cast<std::size_t>(got));
  return text;
}

Status write_text(const std::string& path, const std::string& text) {
  const UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid() ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.get()) != 0)
    return fail(errno_error("write", path));
  return {};
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return fail(errno_error("mkdir", path));
}

Status remove_below(const std::string& directory, const std::string& name) {
  const UniqueFd parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) return fail(errno_error("open", directory));
  return remove_tree(parent.borrow(), name);
}

// `layer` is its root; what is held is the directory around it.
Result<UniqueFd> hold(const std::string& layer) {
  const std::string home = layer.substr(0, layer.rfind('/'));
  UniqueFd held(::open(home.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const bool there = held.valid() && ::flock(held.get(), LOCK_SH | LOCK_NB) == 0 &&
                     ::access(layer.c_str(), F_OK) == 0;
  if (!there) return fail(errno_error("open", layer));
  return held;
}

// "new.PID.N" of a process that is no more.
bool is_abandoned(const std::string& name) {
  if (!name.starts_with(kWorkPrefix)) return false;
  const std::string_view rest = std::string_view(name).substr(4);
  const auto pid = parse_decimal(rest.substr(0, rest.find('.')), INT32_MAX);
  return !pid || (::kill(static_cast<int>(*pid), 0) != 0 && errno == ESRCH);
}

}  // namespace

Result<ImageName> parse_image_name(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  const std::size_t colon = text.find(':', slash == std::string_view::npos ? 0 : slash);
  ImageName image{
      .name = std::string(text.substr(0, colon)),
      .tag = colon == std::string_view::npos ? "latest" : std::string(text.substr(colon + 1))};
  bool good = good_part(image.tag) && image.name.size() <= 200;
  for (std::size_t begin = 0; begin <= image.name.size();) {
    const std::size_t end = std::min(image.name.find('/', begin), image.name.size());
    good = good && good_part(std::string_view(image.name).substr(begin, end - begin));
    begin = end + 1;
  }
  if (good) return image;
  return fail(request_error(escape_for_terminal(text.substr(0, 100)), "is no name of an image",
                            "NAME[:TAG] of letters, digits, '.', '_', '-', and '/' in NAME"));
}

Result<UniqueFd> ImageStore::lock() const {
  for (std::size_t end = root_.find('/', 1); end != std::string::npos;
       end = root_.find('/', end + 1))
    ::mkdir(root_.substr(0, end).c_str(), 0755);
  if (::mkdir(root_.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(errno_error("mkdir", root_));
  YETT_CHECK(make_directory(root_ + "/layers"));
  YETT_CHECK(make_directory(root_ + "/names"));
  UniqueFd file(::open((root_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail(errno_error("open", root_ + "/lock"));
  while (::flock(file.get(), LOCK_EX) != 0)
    if (errno != EINTR) return fail(errno_error("lock", root_ + "/lock"));
  return file;
}

Result<std::string> ImageStore::make_work_directory() const {
  std::string path = root_ + "/" + kWorkPrefix + std::to_string(::getpid()) + ".XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return fail(errno_error("mkdir", path));
  return path;
}

bool ImageStore::has_layer(const std::string& digest) const {
  return ::access(layer_path(digest).c_str(), F_OK) == 0;
}

// Whole or not there: it is one when its root has been moved to its place. After a power cut, too:
// a layer of empty files would be used for ever.
Status ImageStore::add_layers(const std::vector<NewLayer>& layers) const {
  const auto is_new = [this](const NewLayer& layer) { return !has_layer(layer.digest); };
  if (std::ranges::none_of(layers, is_new)) return {};
  const UniqueFd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::syncfs(root.get()) != 0) return fail(errno_error("sync", root_));
  for (const NewLayer& layer : layers)
    if (is_new(layer)) YETT_CHECK(add_layer(layer));
  return {};
}

Status ImageStore::add_layer(const NewLayer& layer) const {
  const std::string home = root_ + "/layers/" + layer.digest;
  YETT_CHECK(make_directory(home));
  YETT_CHECK(write_text(home + "/bytes", std::to_string(layer.bytes)));
  if (::chmod(layer.directory.c_str(), 0755) != 0)
    return fail(errno_error("chmod", layer.directory));
  const std::string place = layer_path(layer.digest);
  if (::rename(layer.directory.c_str(), place.c_str()) != 0)
    return fail(errno_error("rename", place));
  return {};
}

std::uint64_t ImageStore::layer_bytes(const std::string& digest) const {
  const auto text = read_text(root_ + "/layers/" + digest + "/bytes");
  return text ? parse_decimal(*text).value_or(0) : 0;
}

std::vector<std::string> ImageStore::layer_paths(const StoredImage& image) const {
  if (!image.tree.empty()) return {root_ + "/trees/" + image.tree + "/root"};
  std::vector<std::string> paths;
  for (const std::string& digest : image.layers) paths.push_back(layer_path(digest));
  return paths;
}

Status ImageStore::add_name(const StoredImage& image) const {
  const std::string path = root_ + "/names/" + file_of(image.name);
  const std::string fresh = root_ + "/" + kWorkPrefix + std::to_string(::getpid()) + ".name";
  YETT_CHECK(write_text(fresh, text_of(image)));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(errno_error("rename", path));
  return {};
}

std::vector<StoredImage> ImageStore::list() const {
  std::vector<StoredImage> images;
  for (const std::string& file : entries_of(root_ + "/names")) {
    const std::string path = root_ + "/names/" + file;
    const auto text = read_text(path);
    if (!text) continue;
    if (auto image = parse_image(*text, path)) images.push_back(std::move(*image));
  }
  return images;
}

Result<StoredImage> ImageStore::find(const ImageName& name) const {
  const std::string path = root_ + "/names/" + file_of(name);
  const auto text = read_text(path);
  if (text) return parse_image(*text, path);
  return fail(Error{.kind = ErrorKind::target_gone,
                    .subject = name.text(),
                    .detail = "no such image",
                    .mend = "yett images lists them"});
}

Result<UsedImage> ImageStore::use(const ImageName& name) const {
  YETT_TRY(StoredImage image, find(name));
  UsedImage used{.image = std::move(image), .layers = {}, .in_use = {}};
  used.layers = layer_paths(used.image);
  for (const std::string& layer : used.layers) {
    YETT_TRY(UniqueFd held, hold(layer));
    used.in_use.push_back(std::move(held));
  }
  return used;
}

Result<UniqueFd> ImageStore::hold_layer(const std::string& digest) const {
  return hold(layer_path(digest));
}

Status ImageStore::remove_name(const ImageName& name) const {
  YETT_CHECK(find(name));
  const std::string path = root_ + "/names/" + file_of(name);
  if (::unlink(path.c_str()) != 0) return fail(errno_error("remove", path));
  return {};
}

// Half a layer has no layer's name: what cannot be removed whole is as if its import had died.
Status ImageStore::put_away(const std::string& directory, const std::string& name) const {
  const std::string fresh = kWorkPrefix + std::to_string(::getpid()) + "." + name;
  const std::string from = directory + "/" + name;
  if (::rename(from.c_str(), (root_ + "/" + fresh).c_str()) != 0)
    return fail(errno_error("rename", from));
  return remove_below(root_, fresh);
}

// SECURITY(images-in-use): a layer that a sandbox lies over is not taken from under it.
Result<bool> ImageStore::remove_unused(const std::string& directory,
                                       const std::string& name) const {
  const UniqueFd layer(
      ::open((directory + "/" + name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!layer.valid()) return true;
  if (::flock(layer.get(), LOCK_EX | LOCK_NB) != 0) return false;
  YETT_CHECK(put_away(directory, name));
  return true;
}

Result<bool> ImageStore::remove_layer(const std::string& digest) const {
  return remove_unused(root_ + "/layers", digest);
}

void ImageStore::prune_unnamed(const std::string& kind, const std::set<std::string>& named,
                               Pruned& pruned) const {
  const std::string directory = root_ + "/" + kind;
  for (const std::string& digest : entries_of(directory)) {
    if (named.contains(digest)) continue;
    auto removed = remove_unused(directory, digest);
    if (removed)
      (*removed ? pruned.layers : pruned.still_used).push_back(digest);
    else if (!pruned.failure)
      pruned.failure = std::move(removed).error();
  }
}

Result<ImageStore::Pruned> ImageStore::prune() const {
  std::set<std::string> layers;
  std::set<std::string> trees;
  for (const std::string& file : entries_of(root_ + "/names")) {
    // One that cannot be read may name any of them.
    const std::string path = root_ + "/names/" + file;
    YETT_TRY(const std::string text, read_text(path));
    YETT_TRY(const StoredImage image, parse_image(text, path));
    layers.insert(image.layers.begin(), image.layers.end());
    trees.insert(image.tree);
  }
  Pruned pruned;
  prune_unnamed("layers", layers, pruned);
  prune_unnamed("trees", trees, pruned);
  for (const std::string& name : entries_of(root_))
    if (is_abandoned(name))
      if (Status removed = remove_below(root_, name); !removed && !pruned.failure)
        pruned.failure = std::move(removed).error();
  return pruned;
}

Result<WorkDirectory> WorkDirectory::make(const ImageStore& store) {
  YETT_TRY(std::string path, store.make_work_directory());
  return WorkDirectory(std::move(path));
}

WorkDirectory::~WorkDirectory() {
  const std::size_t slash = path_.rfind('/');
  if (!path_.empty())
    static_cast<void>(remove_below(path_.substr(0, slash), path_.substr(slash + 1)));
}

}  // namespace yett
