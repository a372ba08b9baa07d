#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "sandbox/package/superblock.hpp"

namespace yett {
namespace {

using ::testing::HasSubstr;

class Superblock : public ::testing::Test {
 protected:
  template <typename Number>
  void put(std::size_t offset, Number value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }

  void make_squashfs() {
    put<std::uint32_t>(0, 0x73717368);
    put<std::uint32_t>(4, 10);
    put<std::uint32_t>(12, 131072);
    put<std::uint16_t>(20, 6);
    put<std::uint16_t>(22, 17);
    put<std::uint16_t>(26, 1);
    put<std::uint16_t>(28, 4);
    put<std::uint64_t>(40, 4000);  // bytes used
    put<std::uint64_t>(48, 3900);  // id table
    put<std::uint64_t>(56, UINT64_MAX);
    put<std::uint64_t>(64, 3000);  // inodes
    put<std::uint64_t>(72, 3500);  // directories
    put<std::uint64_t>(80, 3800);
    put<std::uint64_t>(88, UINT64_MAX);
  }

  void make_erofs() {
    put<std::uint32_t>(1024, 0xE0F5E1E2);
    put<std::uint8_t>(1024 + 12, 12);
    put<std::uint16_t>(1024 + 14, 36);
    put<std::uint64_t>(1024 + 16, 10);
    put<std::uint32_t>(1024 + 36, 4);
  }

  Result<ImageSummary> squashfs(std::uint64_t size = 4096) {
    return parse_squashfs_superblock(bytes_, size, "x.sqfs");
  }
  Result<ImageSummary> erofs(std::uint64_t size = 16384) {
    return parse_erofs_superblock(bytes_, size, "x.erofs");
  }

  std::array<std::byte, kSuperblockBytes> bytes_{};
};

TEST_F(Superblock, IsRecognisedByContent) {
  EXPECT_FALSE(recognise_image(bytes_, "x"));
  make_erofs();
  EXPECT_EQ(recognise_image(bytes_, "x").value(), ImageKind::erofs);
  make_squashfs();
  EXPECT_EQ(recognise_image(bytes_, "x").value(), ImageKind::squashfs);
  EXPECT_FALSE(recognise_image(std::span<const std::byte>(bytes_).first(3), "x"));
}

TEST_F(Superblock, GoodSquashfsIsRead) {
  make_squashfs();
  const auto summary = squashfs();
  ASSERT_TRUE(summary) << summary.error().message();
  EXPECT_EQ(summary->compressor, "zstd");
  EXPECT_EQ(summary->block_size, 131072U);
  EXPECT_EQ(summary->inode_count, 10U);
}

TEST_F(Superblock, TruncatedSquashfsSaysBothSizes) {
  make_squashfs();
  const auto summary = squashfs(3999);
  ASSERT_FALSE(summary);
  EXPECT_THAT(summary.error().message(), HasSubstr("x.sqfs: damaged squashfs image: it says it has "
                                                   "4000 bytes, the file has 3999"));
}

TEST_F(Superblock, BadSquashfsNumbersAreRefused) {
  struct Case {
    std::size_t offset;
    std::uint64_t value;
    std::size_t width;
  };
  for (const Case& bad : {Case{12, 131073, 4},   Case{12, 2048, 4},
                          Case{12, 1U << 21, 4}, Case{22, 16, 2},
                          Case{20, 0, 2},        Case{20, 7, 2},
                          Case{28, 3, 2},        Case{30, 1, 2},
                          Case{26, 0, 2},        Case{16, 11, 4},
                          Case{4, 0, 4},         Case{48, 4000, 8},
                          Case{64, 95, 8},       Case{64, 3500, 8},
                          Case{72, 3950, 8},     Case{80, 4000, 8},
                          Case{56, 4000, 8},     Case{88, 1ULL << 63, 8},
                          Case{32, 8192, 8},     Case{32, 500ULL << 16, 8}}) {
    make_squashfs();
    put<std::uint64_t>(32, 0);
    std::memcpy(bytes_.data() + bad.offset, &bad.value, bad.width);
    EXPECT_FALSE(squashfs()) << bad.offset << " = " << bad.value;
  }
}

TEST_F(Superblock, GoodErofsIsRead) {
  make_erofs();
  const auto summary = erofs();
  ASSERT_TRUE(summary) << summary.error().message();
  EXPECT_EQ(summary->compressor, "none");
  EXPECT_EQ(summary->block_size, 4096U);
}

TEST_F(Superblock, BadErofsNumbersAreRefused) {
  make_erofs();
  EXPECT_FALSE(erofs(16383));
  put<std::uint8_t>(1024 + 12, 40);
  EXPECT_FALSE(erofs());
  make_erofs();
  put<std::uint32_t>(1024 + 40, 4);  // metadata begins behind the end
  EXPECT_FALSE(erofs());
}

// SECURITY(erofs_foreign_devices)
TEST_F(Superblock, ErofsWithFurtherDevicesIsRefused) {
  make_erofs();
  put<std::uint16_t>(1024 + 86, 1);
  const auto summary = erofs();
  ASSERT_FALSE(summary);
  EXPECT_THAT(summary.error().message(), HasSubstr("further devices"));
}

}  // namespace
}  // namespace yett
