// What the keeper of many sandboxes is asked.
#include "sandbox/guard/keeper_request.hpp"

#include <gtest/gtest.h>

namespace yett {
namespace {

TEST(KeeperRequest, IsReadAsItWasMade) {
  for (const bool is_v2 : {true, false}) {
    const KeptCgroups made{.directories = {"/sys/fs/cgroup/yett/one", "/sys/fs/cgroup/pids/yett/x"},
                           .first_is_v2 = is_v2};
    const auto read = parse_keeper_request(make_keeper_request(made));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->directories, made.directories);
    EXPECT_EQ(read->first_is_v2, is_v2);
  }
}

bool takes(const std::string& directory) {
  return parse_keeper_request(make_keeper_request({.directories = {"/cgroup/yett/one", directory}}))
      .has_value();
}

// SECURITY(kept-names)
TEST(KeeperRequest, NamesNothingButSandboxes) {
  EXPECT_TRUE(takes("/cgroup/yett/two"));
  EXPECT_TRUE(takes("/yett/two"));
  for (const char* other :
       {"", "/", "yett/two", "/cgroup/two", "/cgroup/yett", "/cgroup/yett/", "/cgroup/yett/.",
        "/cgroup/yett/..", "/cgroup/yett/two/three", "/cgroup/notyett/two", "/a/../yett/two"})
    EXPECT_FALSE(takes(other)) << other;
  EXPECT_FALSE(takes("/" + std::string(4096, 'a') + "/yett/two"));
}

TEST(KeeperRequest, IsWholeOrNothing) {
  const std::string good = make_keeper_request({.directories = {"/cgroup/yett/one"}});
  EXPECT_TRUE(parse_keeper_request(good));
  EXPECT_FALSE(parse_keeper_request(""));
  EXPECT_FALSE(parse_keeper_request(good.substr(0, 1)));
  EXPECT_FALSE(parse_keeper_request(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(parse_keeper_request("x" + good.substr(1)));
  EXPECT_FALSE(parse_keeper_request(
      make_keeper_request({.directories = std::vector<std::string>(9, "/cgroup/yett/one")})));
}

}  // namespace
}  // namespace yett
