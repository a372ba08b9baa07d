// The table of mounts, as far as it tells of overlays: proc(5), "mountinfo".
#include <gtest/gtest.h>

#include "runsc-like/sandboxes/overlay_mount.hpp"

namespace yett {
namespace {

constexpr const char* kTable =
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda rw\n"
    "40 22 0:40 / /run/c1 rw,relatime shared:5 - overlay none "
    "rw,lowerdir=/b:/a,upperdir=/u,workdir=/w\n"
    "41 22 0:41 / /run/with\\040space rw - overlay none "
    "rw,lowerdir=/x\\134:y:/z\\0541,upperdir=/u\n"
    "42 22 0:42 / /run/new rw - overlay none rw,lowerdir+=/b,lowerdir+=/a,upperdir=/u\n"
    "43 22 0:43 / /run/relative rw - overlay none rw,lowerdir=l/B:l/A,upperdir=/u\n"
    "44 22 0:44 / /run/covered rw - overlay none rw,lowerdir=/a,upperdir=/u\n"
    "45 44 0:45 / /run/covered rw - tmpfs none rw\n"
    "46 22 0:46 / /run/short rw\n";

std::vector<std::string> lowers_of(const std::string& path) {
  const auto mount = find_overlay_mount(kTable, path);
  return mount ? mount->lowers : std::vector<std::string>{};
}

TEST(OverlayMount, LayersTheTopmostLast) {
  EXPECT_EQ(lowers_of("/run/c1"), (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(lowers_of("/run/new"), (std::vector<std::string>{"/a", "/b"}));
}

TEST(OverlayMount, EscapesOfTheTableAndOfOverlays) {
  EXPECT_EQ(lowers_of("/run/with space"), (std::vector<std::string>{"/z,1", "/x:y"}));
}

TEST(OverlayMount, NothingWhereNoneIsSeen) {
  for (const char* path : {"/", "/run", "/run/covered", "/run/relative", "/run/short", ""})
    EXPECT_FALSE(find_overlay_mount(kTable, path)) << path;
}

}  // namespace
}  // namespace yett
