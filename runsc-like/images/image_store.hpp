// Imported images: layers by the digest of what they were unpacked from, and names for lists of
// them.
//   ROOT/layers/DIGEST/root  unpacked once, in overlay's form (deletions are devices 0:0,
//   directories
//                            that hide what is below have an attribute); never written again;
//                            images and sandboxes share it
//   ROOT/layers/DIGEST/bytes how large it is
//   ROOT/names/NAME%3aTAG    JSON: which layers, and how it wants to be run
//   ROOT/trees/DIGEST/root   of an image that an earlier version imported: all its layers in one
//   ROOT/new.PID.N           an import at work; taken away when its process is gone
//   ROOT/lock                flock: held by whoever adds or removes
// A sandbox holds a shared flock on each of its layers for as long as it runs.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/images/image_config.hpp"

namespace yett {

inline constexpr const char* kDefaultImageRoot = "/var/lib/yett";

struct ImageName {
  std::string name;
  std::string tag;
  [[nodiscard]] std::string text() const { return name + ":" + tag; }
};
// "app", "team/app:1.2"; the tag is "latest" where there is none. Error: it is no such name.
[[nodiscard]] Result<ImageName> parse_image_name(std::string_view text);

struct StoredImage {
  ImageName name;
  std::vector<std::string> layers;  // the topmost last; 64 hexadecimal digits each
  std::string tree;                 // of an earlier version, in place of layers; else empty
  ImageConfig config;
  std::uint64_t bytes = 0;  // of all its layers
  std::string created;      // when it was imported
};

struct UsedImage {
  StoredImage image;
  std::vector<std::string> layers;  // directories, the topmost last
  std::vector<UniqueFd> in_use;     // keep them for as long as the layers are used
};

struct NewLayer {
  std::string directory;
  std::string digest;
  std::uint64_t bytes = 0;
};

class ImageStore {
 public:
  explicit ImageStore(std::string root) : root_(std::move(root)) {}
  [[nodiscard]] const std::string& root() const { return root_; }

  // Held until the descriptor goes. Makes the store's directories.
  [[nodiscard]] Result<UniqueFd> lock() const;
  // An empty directory of the store's; it is the caller's to remove.
  [[nodiscard]] Result<std::string> make_work_directory() const;
  [[nodiscard]] bool has_layer(const std::string& digest) const;
  // Moves each directory to be the root of a layer, once all is on the disk. A layer that is there
  // already stays.
  [[nodiscard]] Status add_layers(const std::vector<NewLayer>& layers) const;
  // In use for as long as the descriptor lives. Error: it is not there, or is being removed.
  [[nodiscard]] Result<UniqueFd> hold_layer(const std::string& digest) const;
  // False: a sandbox uses it.
  [[nodiscard]] Result<bool> remove_layer(const std::string& digest) const;
  [[nodiscard]] std::uint64_t layer_bytes(const std::string& digest) const;
  [[nodiscard]] std::string layer_path(const std::string& digest) const {
    return root_ + "/layers/" + digest + "/root";
  }
  // Directories, the topmost last.
  [[nodiscard]] std::vector<std::string> layer_paths(const StoredImage& image) const;
  [[nodiscard]] Status add_name(const StoredImage& image) const;

  [[nodiscard]] std::vector<StoredImage> list() const;  // sorted by name
  // Error: target_gone, there is none of that name.
  [[nodiscard]] Result<StoredImage> find(const ImageName& name) const;
  [[nodiscard]] Result<UsedImage> use(const ImageName& name) const;
  [[nodiscard]] Status remove_name(const ImageName& name) const;

  struct Pruned {
    std::vector<std::string> layers;
    std::vector<std::string> still_used;
    std::optional<Error> failure;  // the first; all others were tried nevertheless
  };
  // Removes layers that no name and no sandbox has, and what imports that died have left. Error: a
  // name that cannot be read; nothing was removed.
  [[nodiscard]] Result<Pruned> prune() const;

 private:
  [[nodiscard]] Status add_layer(const NewLayer& layer) const;
  [[nodiscard]] Status put_away(const std::string& directory, const std::string& name) const;
  [[nodiscard]] Result<bool> remove_unused(const std::string& directory,
                                           const std::string& name) const;
  // Of those in ROOT/`kind` that are not `named`.
  void prune_unnamed(const std::string& kind, const std::set<std::string>& named,
                     Pruned& pruned) const;
  std::string root_;
};

// An empty directory of the store's to unpack or copy into; gone with this object.
class WorkDirectory {
 public:
  // Preconditions: the store is locked.
  [[nodiscard]] static Result<WorkDirectory> make(const ImageStore& store);
  WorkDirectory(WorkDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  WorkDirectory& operator=(WorkDirectory&&) = delete;
  ~WorkDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit WorkDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace yett
