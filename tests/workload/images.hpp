// The images that the workloads run from: the host's programs, and the same programs packed.
// Packages are made once, below the build tree, under a lock, and again when yett itself changed.
#pragma once

#include <string>
#include <vector>

namespace yett::test {

enum class Image { host, squashfs, erofs };
[[nodiscard]] const char* image_name(Image image);

// What goes between `yett run` and `--`: nothing for the host, else the package's path. Empty
// `problem`: it is there.
struct ImageArgument {
  std::vector<std::string> arguments;
  std::string problem;
};
[[nodiscard]] ImageArgument image_argument(Image image);

}  // namespace yett::test
