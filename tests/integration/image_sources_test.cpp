// yett images import: files that are not what they were said to be, trees that cost more than their
// archive, and that the store gets rid of whatever it has taken.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/integration/images_fixture.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class ImageSources : public ImagesFixture {
 protected:
  ImageSources() : ImagesFixture({"linked"}) {}
  void expect_nothing_is_left() const {
    EXPECT_EQ(images({"-q"}).out, "");
    EXPECT_EQ(layers(), 0U);
    for (const auto& left : fs::directory_iterator(store()))
      EXPECT_FALSE(left.path().filename().string().starts_with("new.")) << left.path();
  }
};

// SECURITY(image-files-beneath): what an image says is its layer or its configuration is its own
// file, and none of the host's that a link leads to.
TEST_F(ImageSources, FilesBehindLinksAreNotTheHosts) {
  for (const char* name : {"layer.tar", "layer-itself.tar", "layer-upwards.tar", "config.tar",
                           "by-proc.tar", "blobs"}) {
    const RunResult refused = images({"import", in(std::string("linked-") + name), "evil"});
    EXPECT_EQ(refused.exit_status, 1) << name << run({"evil", "--", "cat", "/etc/canary"}).out;
    EXPECT_NE(refused.err.find("open"), std::string::npos) << name << ": " << refused.text();
  }
  expect_nothing_is_left();
  import_well("linked-none.tar", "good");
  EXPECT_EQ(run({"good", "--", "cat", "/etc/greeting"}).out, "hello from the image\n");
}

}  // namespace
}  // namespace yett::test
