// Lists of CPUs and memory nodes.
#include "runsc-like/oci/config/number_list.hpp"

#include <gmock/gmock.h>

namespace yett::oci {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

TEST(NumberList, AreMasks) {
  EXPECT_THAT(parse_number_list("0"), Optional(ElementsAre(1)));
  EXPECT_THAT(parse_number_list("0-3,7"), Optional(ElementsAre(0x8F)));
  EXPECT_THAT(parse_number_list(" 1 , 3 - 4 "), Optional(ElementsAre(0x1A)));
  EXPECT_THAT(parse_number_list("63-64"),
              Optional(ElementsAre(std::uint64_t{1} << 63, std::uint64_t{1})));
  EXPECT_THAT(parse_number_list("5,5,4-6"), Optional(ElementsAre(0x70)));
}

TEST(NumberList, NoneIsNoWord) {
  EXPECT_THAT(parse_number_list(""), Optional(IsEmpty()));
  EXPECT_THAT(parse_number_list("  "), Optional(IsEmpty()));
}

TEST(NumberList, WhatIsNoneIsSaid) {
  for (const char* text : {",", "1,", ",1", "1,,2", "-", "1-", "-1", "3-1", "1-2-3", "a", "0x1",
                           "1.5", "+1", "65536", "0-65536", "99999999999999999999", "1 2", "1;2"})
    EXPECT_FALSE(parse_number_list(text)) << text;
  EXPECT_TRUE(parse_number_list("65535"));
}

}  // namespace
}  // namespace yett::oci
