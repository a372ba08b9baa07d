#include "sandbox/host/subordinate_ids.hpp"

#include <gtest/gtest.h>

namespace yett {
namespace {

TEST(SubordinateIds, AreTheFirstGoodLineOfTheUser) {
  constexpr const char* kText =
      "a:100000:65536\n"
      "b:x:5\n"
      "b:0:5\n"
      "b:4294967290:20\n"
      "b:200000:7\n"
      "b:300000:9\n"
      "1003:400000:70000\n";
  const auto found = parse_subordinate_ids(kText, "b", 1002);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->first, 200000U);
  EXPECT_EQ(found->count, 7U);
  const auto by_number = parse_subordinate_ids(kText, "c", 1003);
  ASSERT_TRUE(by_number);
  EXPECT_EQ(by_number->first, 400000U);
  EXPECT_EQ(by_number->count, 65'535U);  // more than programs know of
  EXPECT_FALSE(parse_subordinate_ids(kText, "c", 1004));
  EXPECT_FALSE(parse_subordinate_ids("", "b", 1002));
  EXPECT_FALSE(parse_subordinate_ids(":1:1\n", "", 1002));
}

TEST(SubordinateIds, NamesAreThoseOfPasswd) {
  constexpr const char* kPasswd = "root:x:0:0::/root:/bin/sh\nb:x:1002:5::/:/bin/sh\n";
  EXPECT_EQ(user_name_of(kPasswd, 1002), "b");
  EXPECT_EQ(user_name_of(kPasswd, 5), "");
}

}  // namespace
}  // namespace yett
