#include "runsc-like/images/import_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "base/time_text.hpp"
#include "ioctl_uapi/overlay_layers.hpp"
#include "runsc-like/images/digest.hpp"
#include "runsc-like/images/image_files.hpp"
#include "runsc-like/images/image_parts.hpp"
#include "runsc-like/images/overlay_form.hpp"

namespace yett {
namespace {

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
    const UniqueFd given(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat status{};
    if (!given.valid() || ::fstat(given.get(), &status) != 0)
      return fail(errno_error("import", path));
    if (S_ISDIR(status.st_mode))
      YETT_CHECK(take_directory(given, path));
    else if (S_ISREG(status.st_mode))
      YETT_CHECK(take_archive(given, path));
    else
      return fail(request_error(path, "is neither a file nor a directory"));
    YETT_CHECK(store_.add_name(imported_.image));
    return std::move(imported_);
  }

 private:
  Status take_directory(const UniqueFd& directory, const std::string& path) {
    const auto files = ImageFiles::of_strangers(directory.borrow(), work_, bounds_.bytes);
    if (files.has("index.json")) {
      YETT_TRY(const ImageParts parts, read_layout(files));
      return take_parts(files, parts);
    }
    return fail(request_error(path, "is no OCI layout: it has no index.json",
                              "a root file system needs no import: yett run " + path));
  }

  // What the archive is shows once it is unpacked: by our rules, into a directory of ours.
  Status take_archive(const UniqueFd& file, const std::string& path) {
    YETT_TRY(HashedFile archive, copy_and_hash(file, path, work_, bounds_.bytes));
    YETT_TRY(const std::string outer, make_directory("outer"));
    YETT_TRY(const Unpacked unpacked,
             unpack(std::move(archive.file), path, outer, Whiteouts::plain_files));
    YETT_TRY(const UniqueFd directory, open_directory(outer));
    const ImageFiles files = ImageFiles::of_ours(directory.borrow());
    if (files.has("index.json") && files.has("blobs")) {
      YETT_TRY(const ImageParts parts, read_layout(files));
      return take_parts(files, parts);
    }
    if (files.has("manifest.json")) {
      YETT_TRY(const ImageParts parts, read_docker_archive(files));
      return take_parts(files, parts);
    }
    imported_.left_out += unpacked.left_out;
    return take_tree(files, outer, archive.digest, unpacked.bytes);
  }

  // A root file system; or a bundle, which says in config.json how it wants to be run. As a layer
  // of an image the same archive would be unpacked in another way, so its name is another.
  Status take_tree(const ImageFiles& files, const std::string& path, const std::string& archive,
                   std::uint64_t bytes) {
    std::string root = path;
    if (files.has("config.json") && files.has("rootfs")) {
      YETT_TRY(const std::string text, files.read_text("config.json"));
      YETT_TRY(imported_.image.config, parse_bundle_config(text, "config.json"));
      root += "/rootfs";
      YETT_CHECK(check_is_directory(root));
    }
    Digest digest;
    digest.add("root file system " + archive);
    imported_.image.layers = {digest.take()};
    imported_.image.bytes = bytes;
    return store_.add_layers(
        {{.directory = root, .digest = imported_.image.layers.front(), .bytes = bytes}});
  }

  static Status check_is_directory(const std::string& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return fail(request_error("rootfs", "is no directory of the archive"));
  }

  Status take_parts(const ImageFiles& files, const ImageParts& parts) {
    imported_.image.config = parts.config;
    std::vector<std::string>& layers = imported_.image.layers;
    for (const LayerSource& source : parts.layers) {
      YETT_TRY(const std::string layer, take_layer(files, source));
      // One that is there twice, as empty ones are, says nothing where it lies lower; and one that
      // hides all that is below the root is the lowest.
      std::erase(layers, layer);
      if (hides_all_below(layer)) layers.clear();
      layers.push_back(layer);
    }
    if (layers.empty()) return fail(request_error("image", "it has no layers"));
    if (layers.size() > kMostLayers)
      return fail(request_error("image",
                                "it has more than " + std::to_string(kMostLayers) + " layers",
                                "squash it: podman build --squash-all"));
    std::vector<NewLayer> fresh;
    for (const auto& [digest, layer] : fresh_) fresh.push_back(layer);
    YETT_CHECK(store_.add_layers(fresh));
    for (const std::string& layer : layers) imported_.image.bytes += store_.layer_bytes(layer);
    return {};
  }

  [[nodiscard]] bool has_layer(const std::string& digest) const {
    return store_.has_layer(digest) || fresh_.contains(digest);
  }

  // Its digest. One that is there already need not be read, if its name is known.
  Result<std::string> take_layer(const ImageFiles& files, const LayerSource& source) {
    if (!source.blob.empty()) {
      YETT_TRY(std::string known, hex_of_digest(source.blob));
      if (has_layer(known)) return known;
    }
    YETT_TRY(HashedFile layer,
             source.blob.empty() ? files.open(source.path) : files.open_blob(source.blob));
    if (has_layer(layer.digest)) return std::move(layer.digest);
    YETT_TRY(const std::string root, make_directory(layer.digest.c_str()));
    YETT_TRY(const Unpacked unpacked,
             unpack(std::move(layer.file), "layer " + layer.digest, root, Whiteouts::overlay));
    imported_.left_out += unpacked.left_out;
    fresh_[layer.digest] = {.directory = root, .digest = layer.digest, .bytes = unpacked.bytes};
    return std::move(layer.digest);
  }

  [[nodiscard]] bool hides_all_below(const std::string& digest) const {
    const auto fresh = fresh_.find(digest);
    const std::string path =
        fresh == fresh_.end() ? store_.layer_path(digest) : fresh->second.directory;
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
  std::map<std::string, NewLayer> fresh_;
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
