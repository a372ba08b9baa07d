// The probes against the running kernel, and the kept answer on a real disk.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sandbox/host/feature_cache.hpp"
#include "sandbox/host/feature_table.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/host/read_file.hpp"
#include "tests/support/require.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char pattern[] = "/tmp/yett-host-test-XXXXXX";
    path_ = ::mkdtemp(pattern);
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

BpfProbes counted_probes(int& count) {
  return {.lsm = [&count]() -> Status {
            ++count;
            return fail(host_error("bpf", "not here"));
          },
          .cgroup = [](BorrowedFd cgroup) -> Status {
            return cgroup.valid() ? Status{} : fail(host_error("cgroup", "no fd"));
          }};
}

TEST(HostProbe, FindsWhatFullModeNeeds) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const KernelFeatures features = probe_kernel_features({});
  for (const FeatureEntry& entry : feature_table())
    std::printf("%-22s %d %s\n", entry.key.data(), (features.*entry.member).usable,
                (features.*entry.member).detail.c_str());
  EXPECT_TRUE(features.is_root);
  EXPECT_TRUE(features.user_namespaces.usable) << features.user_namespaces.detail;
  EXPECT_TRUE(features.seccomp_notify.usable) << features.seccomp_notify.detail;
  EXPECT_TRUE(features.overlay.usable) << features.overlay.detail;
  EXPECT_TRUE(features.squashfs.usable) << features.squashfs.detail;
  EXPECT_TRUE(features.loop_devices.usable) << features.loop_devices.detail;
  EXPECT_NE(features.cgroup.layout, CgroupLayout::none);
  EXPECT_FALSE(features.bpf_lsm.usable) << "no probe was handed in";
  EXPECT_FALSE(features.release.empty());
}

TEST(HostProbe, LeavesNothingBehind) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  int count = 0;
  const auto mounts_before = read_file("/proc/self/mountinfo");
  const KernelFeatures features = probe_kernel_features(counted_probes(count));
  EXPECT_EQ(read_file("/proc/self/mountinfo"), mounts_before);
  EXPECT_EQ(count, 1);
  if (!features.cgroup.v2_mount.empty()) {
    EXPECT_TRUE(features.cgroup_bpf.usable) << features.cgroup_bpf.detail;
    const std::string probe =
        features.cgroup.v2_mount + "/yett-probe-" + std::to_string(::getpid());
    EXPECT_FALSE(fs::exists(probe));
  }
}

TEST(HostProbe, ProbesOnceAndThenReadsTheKeptAnswer) {
  const TemporaryDirectory directory;
  int count = 0;
  const KernelFeatures first =
      load_or_probe_kernel_features(directory.path(), counted_probes(count));
  const KernelFeatures second =
      load_or_probe_kernel_features(directory.path(), counted_probes(count));
  EXPECT_EQ(count, 1);
  EXPECT_EQ(serialise_features(first, "k"), serialise_features(second, "k"));
}

TEST(HostProbe, ProbesAgainWhenTheKeptAnswerIsDamagedOrNotTrusted) {
  const TemporaryDirectory directory;
  int count = 0;
  (void)load_or_probe_kernel_features(directory.path(), counted_probes(count));
  const fs::path kept = fs::directory_iterator(directory.path())->path();
  fs::resize_file(kept, fs::file_size(kept) / 2);
  (void)load_or_probe_kernel_features(directory.path(), counted_probes(count));
  EXPECT_EQ(count, 2) << "cut in half";
  ASSERT_EQ(::chmod(kept.c_str(), 0666), 0);
  (void)load_or_probe_kernel_features(directory.path(), counted_probes(count));
  EXPECT_EQ(count, 3) << "writable by others";
  fs::rename(kept, directory.path() + "/elsewhere");
  fs::create_symlink("elsewhere", kept);
  (void)load_or_probe_kernel_features(directory.path(), counted_probes(count));
  EXPECT_EQ(count, 4) << "a symlink";
}

// Each build keeps a file: the oldest go, and nothing else of the directory.
TEST(HostProbe, KeepsTheAnswersOfAFewBuilds) {
  const TemporaryDirectory directory;
  const auto file_of = [&](int build) {
    return fs::path(directory.path()) / ("host-features-" + std::to_string(build));
  };
  for (int build = 0; build < 20; ++build) {
    std::ofstream(file_of(build)) << "kept";
    fs::last_write_time(file_of(build),
                        fs::file_time_type::clock::now() - std::chrono::hours(20 - build));
  }
  std::ofstream(directory.path() + "/oldest-of-all") << "another's";
  int count = 0;
  (void)load_or_probe_kernel_features(directory.path(), counted_probes(count));
  EXPECT_FALSE(fs::exists(file_of(12)));
  EXPECT_TRUE(fs::exists(file_of(13)));
  EXPECT_TRUE(fs::exists(file_of(19)));
  EXPECT_TRUE(fs::exists(directory.path() + "/oldest-of-all"));
  (void)load_or_probe_kernel_features(directory.path(), counted_probes(count));
  EXPECT_EQ(count, 1) << "our own was kept";
}

// Filesystems that cannot are those filesystems' affair: 6.1's tmpfs is one.
TEST(HostProbe, IdmappedMountsAreTheKernels) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const Feature found = probe_kernel_features({}).idmapped_mounts;
  EXPECT_TRUE(found.usable) << found.detail;  // Linux 5.12
}

TEST(HostProbe, ListsTheHostsRoot) {
  const std::vector<std::string> entries = list_host_root();
  EXPECT_TRUE(std::ranges::find(entries, "usr") != entries.end());
  EXPECT_TRUE(std::ranges::is_sorted(entries));
}

// SECURITY(runtime-directory)
TEST(RuntimeDirectory, IsOursAndClosedToOthers) {
  YETT_REQUIRE(::geteuid() == 0, "needs root");
  const Result<std::string> path = open_runtime_directory();
  ASSERT_TRUE(path) << path.error().message();
  EXPECT_EQ(*path, "/run/yett");
  struct stat found{};
  ASSERT_EQ(::lstat(path->c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);
}

}  // namespace
}  // namespace yett
