// Imported images: trees by the digest of what they were unpacked from, and names for them.
//   ROOT/trees/DIGEST/root   unpacked; never written again; many names and sandboxes share it
//   ROOT/names/NAME%3aTAG    JSON: which tree, and how it wants to be run
//   ROOT/new.PID.N           an import at work; taken away when its process is gone
//   ROOT/lock                flock: held by whoever adds or removes
// A sandbox holds a shared flock on its tree for as long as it runs.
#pragma once

#include <string>
#include <string_view>
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
  std::string tree;  // 64 hexadecimal digits
  ImageConfig config;
  std::uint64_t bytes = 0;
  std::string created;  // when it was imported
};

struct UsedImage {
  StoredImage image;
  std::string path;  // of the tree's root
  UniqueFd in_use;   // keep it for as long as the tree is used
};

class ImageStore {
 public:
  explicit ImageStore(std::string root) : root_(std::move(root)) {}
  [[nodiscard]] const std::string& root() const { return root_; }

  // Held until the descriptor goes. Makes the store's directories.
  [[nodiscard]] Result<UniqueFd> lock() const;
  // An empty directory of the store's for an import to work in; it is the caller's to remove.
  [[nodiscard]] Result<std::string> make_work_directory() const;
  [[nodiscard]] bool has_tree(const std::string& digest) const;
  // Moves `directory` to be the root of a tree. One that is there already stays.
  [[nodiscard]] Status add_tree(const std::string& directory, const std::string& digest) const;
  [[nodiscard]] Status add_name(const StoredImage& image) const;

  [[nodiscard]] std::vector<StoredImage> list() const;  // sorted by name
  // Error: target_gone, there is none of that name.
  [[nodiscard]] Result<StoredImage> find(const ImageName& name) const;
  [[nodiscard]] Result<UsedImage> use(const ImageName& name) const;
  [[nodiscard]] Status remove_name(const ImageName& name) const;

  struct Pruned {
    std::vector<std::string> trees;
    std::vector<std::string> still_used;
  };
  // Removes trees that no name and no sandbox has, and what imports that died have left.
  [[nodiscard]] Result<Pruned> prune() const;

 private:
  [[nodiscard]] std::string tree_path(const std::string& digest) const {
    return root_ + "/trees/" + digest;
  }
  std::string root_;
};

}  // namespace yett
