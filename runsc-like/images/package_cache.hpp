// Packages unpacked once, for who may not mount them: each below the digest of the package's bytes,
// in a directory of the user's own. docs/decisions/0037-packages-without-mounts.md.
//   CACHE/layers/DIGEST/root   what the package holds; never written again
//   CACHE/layers/DIGEST/stamp  what it looked like when it was whole (tree_stamp.hpp)
//   CACHE/layers/DIGEST/bytes  how large it is; its time is that of the last use
//   CACHE/known/DEV-INODE      the digest of a package's file, and what the file was like then
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/images/image_store.hpp"
#include "runsc-like/images/unpack.hpp"
#include "sandbox/package/image_file.hpp"

namespace yett {

// The tree's directory, and what keeps it there for as long as it is used.
struct CachedPackage {
  std::string directory;
  UniqueFd in_use;
};

// Fills the empty directory `into` with all that the image holds.
using FillDirectory = std::function<Status(UniqueFd image, const std::string& into)>;

class PackageCache {
 public:
  // Of $XDG_CACHE_HOME/yett, or ~/.cache/yett; it is made where it is missing. Errors: neither is
  // known; it belongs to somebody else, or others may enter it.
  [[nodiscard]] static Result<PackageCache> open();

  // Where the package's tree is, or will be.
  [[nodiscard]] Result<std::string> place_of(const ImageFile& image) const;
  // As it was when it was unpacked; unpacked now where it is not there, or is so no longer.
  [[nodiscard]] Result<CachedPackage> use(const ImageFile& image, const FillDirectory& fill) const;

 private:
  explicit PackageCache(ImageStore store) : store_(std::move(store)) {}
  [[nodiscard]] Result<std::string> digest_of(const ImageFile& image) const;
  [[nodiscard]] Result<CachedPackage> take(const std::string& digest) const;
  [[nodiscard]] Result<std::string> unpack(const ImageFile& image, const FillDirectory& fill) const;
  void make_room() const;

  ImageStore store_;
};

}  // namespace yett
