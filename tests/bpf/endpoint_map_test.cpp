// Rules in a kernel map and their later versions: what has to go goes, whatever else fails.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstring>

#include "base/unique_fd.hpp"
#include "supervisor/lsm/endpoint_map.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

EndpointEntry entry(std::uint8_t last, std::uint32_t count = 1, unsigned bits = 128) {
  EndpointEntry made{};
  made.first.prefix_length = YETT_ENDPOINT_FIXED_BITS + bits;
  made.first.policy = 1;
  made.first.direction = YETT_CONNECT;
  made.first.protocol = IPPROTO_TCP;
  if (bits == 128) made.first.address[15] = last;
  made.second.count = count;
  return made;
}

enum class Hashed { no, yes };

// With and without a table for single addresses, which then has half of the room.
class EndpointMap : public ::testing::TestWithParam<Hashed> {
 protected:
  static constexpr std::uint32_t kRoom = 4;

  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "needs root");
    const std::uint32_t room = GetParam() == Hashed::yes ? kRoom / 2 : kRoom;
    map_ = make(BPF_MAP_TYPE_LPM_TRIE, room);
    ASSERT_TRUE(map_.valid()) << std::strerror(errno);
    if (GetParam() == Hashed::no) return;
    addresses_ = make(BPF_MAP_TYPE_HASH, kRoom - room);
    ASSERT_TRUE(addresses_.valid()) << std::strerror(errno);
  }
  static UniqueFd make(bpf_map_type type, std::uint32_t room) {
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.map_flags = BPF_F_NO_PREALLOC;
    return UniqueFd(bpf_map_create(type, "test", sizeof(yett_endpoint_key),
                                   sizeof(yett_endpoint_value), room, &options));
  }
  [[nodiscard]] EndpointMaps maps() const {
    return {.prefixes = map_.get(), .addresses = addresses_.get()};
  }
  [[nodiscard]] bool write(const std::vector<EndpointEntry>& table) {
    return write_endpoints(maps(), "test", table, held_).has_value();
  }
  // As the programs look: how many port ranges are allowed at an address; -1: nothing stands there.
  [[nodiscard]] int found(std::uint8_t last) const {
    yett_endpoint_value value{};
    const yett_endpoint_key key = entry(last).first;
    if (bpf_map_lookup_elem(addresses_.get(), &key, &value) != 0 &&
        bpf_map_lookup_elem(map_.get(), &key, &value) != 0)
      return -1;
    return static_cast<int>(value.count);
  }

  UniqueFd map_;
  UniqueFd addresses_;
  std::vector<yett_endpoint_key> held_;
};

TEST_P(EndpointMap, HoldsWhatIsInTheTableAndNothingElse) {
  EXPECT_TRUE(write({entry(1), entry(2)}));
  EXPECT_TRUE(write({entry(2, 3), entry(3)}));
  EXPECT_EQ(found(1), -1);
  EXPECT_EQ(found(2), 3);
  EXPECT_EQ(found(3), 1);
  EXPECT_EQ(held_.size(), 2U);
}

// SECURITY: names-bound.
TEST_P(EndpointMap, WhatHasToGoGoesThoughTheRestFindsNoRoom) {
  EXPECT_TRUE(write({entry(1), entry(2)}));
  EXPECT_FALSE(write({entry(2), entry(3), entry(4), entry(5), entry(6), entry(7)}));
  EXPECT_EQ(found(1), -1);
  EXPECT_EQ(held_.size(), kRoom);
  EXPECT_TRUE(write({}));
  for (std::uint8_t last = 1; last < 8; ++last) EXPECT_EQ(found(last), -1);
}

// A full map may refuse the new version of an entry, too: the old one must not stay.
TEST_P(EndpointMap, AnAddressWithFewerPortsNeverKeepsTheOthers) {
  EXPECT_TRUE(write({entry(1, 2), entry(2, 2), entry(3, 2), entry(4, 2)}));
  static_cast<void>(write({entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 1), entry(5, 1)}));
  for (std::uint8_t last = 1; last < 5; ++last) EXPECT_LT(found(last), 2);
}

// SECURITY: names-bound. The same where nothing can be written at all.
TEST_P(EndpointMap, WhatCannotBeWrittenIsToldAndKept) {
  EXPECT_TRUE(write({entry(1), entry(0, 1, 0)}));
  map_.reset();
  addresses_.reset();
  EXPECT_FALSE(write({entry(2)}));
  EXPECT_EQ(held_.size(), 2U);  // for the next try
}

// A kernel without calls for many entries: the same, one by one.
TEST_P(EndpointMap, InBatchesAndOneByOneAreTheSame) {
  for (const MapCalls calls : {MapCalls::in_batches, MapCalls::one_by_one}) {
    ASSERT_TRUE(
        write_endpoints(maps(), "test", {entry(1), entry(2, 2), entry(3, 3)}, held_, calls));
    EXPECT_EQ(held_.size(), 3U);
    for (std::uint8_t last = 1; last < 4; ++last) EXPECT_EQ(found(last), last);
    held_.push_back(entry(9).first);  // which nobody wrote: no reason to keep the others
    remove_endpoints(maps(), held_, calls);
    for (std::uint8_t last = 1; last < 4; ++last) EXPECT_EQ(found(last), -1);
    held_.clear();
  }
}

// More than there is room for in a batch: told, and what stands there is known.
TEST_P(EndpointMap, ABatchThatFindsNoRoomIsTold) {
  const std::vector<EndpointEntry> many{entry(1), entry(2), entry(3), entry(4), entry(5)};
  EXPECT_FALSE(write_endpoints(maps(), "test", many, held_));
  EXPECT_EQ(held_.size(), kRoom);
  remove_endpoints(maps(), held_);
  for (std::uint8_t last = 1; last < 6; ++last) EXPECT_EQ(found(last), -1);
}

// What found no room in the table of addresses and then finds some is decided by its newest
// version.
TEST_P(EndpointMap, AnAddressThatMovesIsNeverDecidedByWhatItWas) {
  EXPECT_TRUE(write({entry(1), entry(2), entry(3, 3)}));
  EXPECT_TRUE(write({entry(3, 1)}));
  EXPECT_EQ(found(3), 1);
  EXPECT_TRUE(write({entry(3, 2), entry(4)}));
  EXPECT_EQ(found(3), 2);
  EXPECT_TRUE(write({entry(4)}));
  EXPECT_EQ(found(3), -1);
  EXPECT_EQ(found(4), 1);
}

INSTANTIATE_TEST_SUITE_P(InATrieAndWithAHashTable, EndpointMap,
                         ::testing::Values(Hashed::no, Hashed::yes));

}  // namespace
}  // namespace yett::test
