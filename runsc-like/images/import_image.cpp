#include "runsc-like/images/import_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "ioctl_uapi/overlay_layers.hpp"
#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/digest.hpp"
#include "runsc-like/images/overlay_form.hpp"
#include "runsc-like/oci/config/field.hpp"
#include "runsc-like/oci/config/json_document.hpp"

namespace yett {
namespace {

using oci::Field;
using oci::JsonValue;

constexpr std::size_t kMostJson = std::size_t{4} << 20;

// SECURITY(image-files-beneath): in a directory that a stranger filled no link leads anywhere, not
// in the middle of a path either.
Result<UniqueFd> open_file(BorrowedFd directory, const std::string& path) {
  UniqueFd file = open_beneath(directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return fail(errno_error("open", path));
  if (!S_ISREG(status.st_mode)) return fail(request_error(path, "is no regular file"));
  return file;
}

bool is_there(BorrowedFd directory, const char* name) {
  struct stat status{};
  return ::fstatat(directory.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<std::string> read_json_text(BorrowedFd directory, const std::string& path) {
  YETT_TRY(const UniqueFd file, open_file(directory, path));
  std::string text(kMostJson + 1, '\0');
  std::size_t size = 0;
  for (ssize_t got = 0; (got = ::read(file.get(), text.data() + size, text.size() - size)) > 0;)
    size += static_cast<std::size_t>(got);
  if (size > kMostJson) return fail(request_error(path, "is longer than 4 MiB"));
  text.resize(size);
  return text;
}

// From its beginning; the position is there again afterwards.
Result<std::string> digest_of(const UniqueFd& file, const std::string& name) {
  Digest digest;
  std::array<char, 65536> bytes;
  ::lseek(file.get(), 0, SEEK_SET);
  for (;;) {
    const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
    if (got < 0) return fail(errno_error("read", name));
    if (got == 0) break;
    digest.add({bytes.data(), static_cast<std::size_t>(got)});
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return digest.take();
}

// "sha256:HEX" as HEX.
Result<std::string> hex_of(const std::string& digest) {
  constexpr std::string_view kKind = "sha256:";
  const std::string hex = digest.starts_with(kKind) ? digest.substr(kKind.size()) : "";
  const bool good =
      hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (good) return hex;
  return fail(request_error(escape_for_terminal(digest.substr(0, 100)), "is no sha256 digest"));
}

// SECURITY(image-digests): a blob that is not what its name says is not used.
Result<UniqueFd> open_blob(BorrowedFd layout, const std::string& digest) {
  YETT_TRY(const std::string hex, hex_of(digest));
  const std::string path = "blobs/sha256/" + hex;
  YETT_TRY(UniqueFd file, open_file(layout, path));
  YETT_TRY(const std::string found, digest_of(file, path));
  if (found != hex) return fail(request_error(path, "its content has another digest"));
  return file;
}

// What an image is made of.
struct Layer {
  UniqueFd file;
  std::string digest;
};
struct Parts {
  std::vector<Layer> layers;
  ImageConfig config;
};

struct Document {
  std::string name;
  JsonValue value;
};
Result<Document> read_document(BorrowedFd directory, const std::string& path) {
  YETT_TRY(const std::string text, read_json_text(directory, path));
  YETT_TRY(JsonValue value, oci::parse_json(text, path));
  return Document{.name = path, .value = std::move(value)};
}

Result<Document> read_blob(BorrowedFd layout, const std::string& digest) {
  YETT_TRY(const UniqueFd verified, open_blob(layout, digest));
  YETT_TRY(const std::string hex, hex_of(digest));
  return read_document(layout, "blobs/sha256/" + hex);
}

// The digest of the one manifest that is for this machine, of an index.
Result<std::string> choose_manifest(const Document& index) {
  oci::Reading reading{
      .file_name = index.name, .root = &index.value, .problems = {}, .warnings = {}};
  const Field manifests = Field(reading).require("manifests");
  std::vector<std::string> found;
  const std::size_t count = manifests.there() ? manifests.value().items.size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::string digest;
    std::string architecture = "amd64";
    oci::read(manifests.at(i).require("digest"), digest);
    oci::read(manifests.at(i)["platform"]["architecture"], architecture);
    if (architecture == "amd64") found.push_back(digest);
  }
  YETT_CHECK(reading.finish());
  if (found.size() == 1) return found.front();
  return fail(request_error(
      index.name, found.empty() ? "has no image for amd64" : "has more than one image for amd64",
      "import an archive that holds one"));
}

bool is_index(const JsonValue& value) {
  return std::ranges::find(value.names, "manifests") != value.names.end();
}

Result<Parts> read_layout(BorrowedFd layout) {
  YETT_TRY(Document document, read_document(layout, "index.json"));
  constexpr int kDeepest = 4;
  for (int depth = 0; is_index(document.value); ++depth) {
    if (depth == kDeepest) return fail(request_error("index.json", "indexes lie too deep"));
    YETT_TRY(const std::string digest, choose_manifest(document));
    YETT_TRY(document, read_blob(layout, digest));
  }
  oci::Reading reading{
      .file_name = document.name, .root = &document.value, .problems = {}, .warnings = {}};
  const Field root(reading);
  std::string config_digest;
  std::vector<std::string> digests;
  oci::read(root.require("config").require("digest"), config_digest);
  const Field layers = root.require("layers");
  for (std::size_t i = 0; layers.there() && i < layers.value().items.size(); ++i)
    oci::read(layers.at(i).require("digest"), digests.emplace_back());
  YETT_CHECK(reading.finish());
  Parts parts;
  YETT_TRY(const std::string hex, hex_of(config_digest));
  YETT_TRY(const UniqueFd verified, open_blob(layout, config_digest));
  YETT_TRY(const std::string config, read_json_text(layout, "blobs/sha256/" + hex));
  YETT_TRY(parts.config, parse_image_config(config, "the image's configuration"));
  for (const std::string& digest : digests) {
    YETT_TRY(UniqueFd file, open_blob(layout, digest));
    YETT_TRY(std::string layer, hex_of(digest));
    parts.layers.push_back({.file = std::move(file), .digest = std::move(layer)});
  }
  return parts;
}

// docker-archive: [{"Config": "HEX.json", "Layers": ["HEX/layer.tar", ...]}].
Result<Parts> read_docker_archive(BorrowedFd directory) {
  YETT_TRY(const Document document, read_document(directory, "manifest.json"));
  oci::Reading reading{
      .file_name = document.name, .root = &document.value, .problems = {}, .warnings = {}};
  const Field root(reading);
  if (!root.is_a(JsonValue::Kind::array, "an array") || root.value().items.size() != 1)
    return fail(request_error("manifest.json", "does not hold one image"));
  std::string config_path;
  std::vector<std::string> paths;
  oci::read(root.at(0).require("Config"), config_path);
  oci::read(root.at(0).require("Layers"), paths);
  YETT_CHECK(reading.finish());
  paths.push_back(config_path);
  for (const std::string& path : paths)
    if (path.starts_with('/') || ("/" + path + "/").find("/../") != std::string::npos)
      return fail(request_error(escape_for_terminal(path), "leads out of the archive"));
  paths.pop_back();
  Parts parts;
  YETT_TRY(const std::string config, read_json_text(directory, config_path));
  YETT_TRY(parts.config, parse_image_config(config, "the image's configuration"));
  for (const std::string& path : paths) {
    YETT_TRY(UniqueFd file, open_file(directory, path));
    YETT_TRY(const std::string digest, digest_of(file, path));
    parts.layers.push_back({.file = std::move(file), .digest = digest});
  }
  return parts;
}

Result<UniqueFd> open_directory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(errno_error("open", path));
  return directory;
}

class Import {
 public:
  Import(const ImageStore& store, std::string work, UnpackBounds bounds)
      : store_(store), work_(std::move(work)), bounds_(bounds) {}

  Result<ImportedImage> run(const std::string& path, const ImageName& name) {
    imported_.image.name = name;
    imported_.image.created = time_text_now();
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return fail(errno_error("import", path));
    if (S_ISDIR(status.st_mode))
      YETT_CHECK(take_directory(path));
    else
      YETT_CHECK(take_archive(path));
    YETT_CHECK(store_.add_name(imported_.image));
    return std::move(imported_);
  }

 private:
  Status take_directory(const std::string& path) {
    YETT_TRY(const UniqueFd directory, open_directory(path));
    if (is_there(directory.borrow(), "index.json")) {
      YETT_TRY(const Parts parts, read_layout(directory.borrow()));
      return take_parts(parts);
    }
    return fail(request_error(path, "is no OCI layout: it has no index.json",
                              "a root file system needs no import: yett run " + path));
  }

  // What the archive is shows once it is unpacked: by our rules, into a directory of ours.
  Status take_archive(const std::string& path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file.valid()) return fail(errno_error("import", path));
    YETT_TRY(const std::string digest, digest_of(file, path));
    YETT_TRY(const std::string outer, make_directory("outer"));
    YETT_TRY(const Unpacked unpacked, unpack(std::move(file), path, outer, Whiteouts::plain_files));
    YETT_TRY(const UniqueFd directory, open_directory(outer));
    if (is_there(directory.borrow(), "index.json") && is_there(directory.borrow(), "blobs")) {
      YETT_TRY(const Parts parts, read_layout(directory.borrow()));
      return take_parts(parts);
    }
    if (is_there(directory.borrow(), "manifest.json")) {
      YETT_TRY(const Parts parts, read_docker_archive(directory.borrow()));
      return take_parts(parts);
    }
    imported_.left_out += unpacked.left_out;
    return take_tree(directory.borrow(), outer, digest, unpacked.bytes);
  }

  // A root file system; or a bundle, which says in config.json how it wants to be run. As a layer
  // of an image the same archive would be unpacked in another way, so its name is another.
  Status take_tree(BorrowedFd directory, const std::string& path, const std::string& archive,
                   std::uint64_t bytes) {
    std::string root = path;
    if (is_there(directory, "config.json") && is_there(directory, "rootfs")) {
      YETT_TRY(const std::string text, read_json_text(directory, "config.json"));
      YETT_TRY(imported_.image.config, parse_bundle_config(text, "config.json"));
      root += "/rootfs";
      YETT_CHECK(check_is_directory(root));
    }
    Digest digest;
    digest.add("root file system " + archive);
    imported_.image.layers = {digest.take()};
    imported_.image.bytes = bytes;
    return store_.add_layer(root, imported_.image.layers.front(), bytes);
  }

  static Status check_is_directory(const std::string& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return fail(request_error("rootfs", "is no directory of the archive"));
  }

  Status take_parts(const Parts& parts) {
    imported_.image.config = parts.config;
    std::vector<std::string>& layers = imported_.image.layers;
    for (const Layer& layer : parts.layers) {
      YETT_CHECK(take_layer(layer));
      // One that is there twice, as empty ones are, says nothing where it lies lower; and one that
      // hides all that is below the root is the lowest.
      std::erase(layers, layer.digest);
      if (hides_all_below(layer.digest)) layers.clear();
      layers.push_back(layer.digest);
    }
    if (layers.empty()) return fail(request_error("image", "it has no layers"));
    if (layers.size() > kMostLayers)
      return fail(request_error("image",
                                "it has more than " + std::to_string(kMostLayers) + " layers",
                                "squash it: podman build --squash-all"));
    for (const auto& [digest, layer] : fresh_)
      YETT_CHECK(store_.add_layer(layer.path, digest, layer.bytes));
    for (const std::string& layer : layers) imported_.image.bytes += store_.layer_bytes(layer);
    return {};
  }

  Status take_layer(const Layer& layer) {
    if (store_.has_layer(layer.digest) || fresh_.contains(layer.digest)) return {};
    YETT_TRY(const std::string root, make_directory(layer.digest.c_str()));
    UniqueFd file(::fcntl(layer.file.get(), F_DUPFD_CLOEXEC, 3));
    YETT_TRY(const Unpacked unpacked,
             unpack(std::move(file), "layer " + layer.digest, root, Whiteouts::overlay));
    imported_.left_out += unpacked.left_out;
    fresh_[layer.digest] = {.path = root, .bytes = unpacked.bytes};
    return {};
  }

  [[nodiscard]] bool hides_all_below(const std::string& digest) const {
    const auto fresh = fresh_.find(digest);
    const std::string path = fresh == fresh_.end() ? store_.layer_path(digest) : fresh->second.path;
    const UniqueFd root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return root.valid() && hides_below(root.borrow());
  }

  Result<std::string> make_directory(const char* name) const {
    std::string path = work_ + "/" + name;
    if (::mkdir(path.c_str(), 0755) != 0) return fail(errno_error("mkdir", path));
    return path;
  }

  Result<Unpacked> unpack(UniqueFd file, const std::string& name, const std::string& into,
                          Whiteouts whiteouts) {
    YETT_TRY(ArchiveReader archive, ArchiveReader::open(std::move(file), name));
    YETT_TRY(const UniqueFd root, open_directory(into));
    return unpack_archive(archive, root.borrow(), whiteouts, bounds_);
  }

  const ImageStore& store_;
  std::string work_;
  UnpackBounds bounds_;
  // Layers that the store has not: it gets them when all of the image's are there.
  struct FreshLayer {
    std::string path;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, FreshLayer> fresh_;
  ImportedImage imported_;
};

}  // namespace

Result<ImportedImage> import_image(const ImageStore& store, const std::string& path,
                                   const ImageName& name, UnpackBounds bounds) {
  YETT_TRY(const UniqueFd held, store.lock());
  YETT_TRY(const WorkDirectory work, WorkDirectory::make(store));
  return Import(store, work.path(), bounds).run(path, name);
}

}  // namespace yett
