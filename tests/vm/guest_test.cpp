// Whether the guest is what the other tests take it for. Runs only inside it (run.sh): the LSM
// list, pure cgroup v2, and the file systems that packages need, each mounted for real.

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::set<std::string> words_of(const std::string& path) {
  std::istringstream words(read_file(path));
  return {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
}

// Runs a shell line in a mount namespace of its own, which takes its mounts away again.
int in_mount_namespace(const std::string& line) {
  return std::system(("unshare -m --propagation private sh -ec '" + line + "'").c_str());
}

TEST(Guest, listsBpfAmongItsLsmsExactlyWhenAsked) {
  const bool listed = ("," + read_file("/sys/kernel/security/lsm") + ",").contains(",bpf,");
  EXPECT_EQ(listed, std::getenv("YETT_REQUIRE_BPF_LSM") != nullptr);
}

TEST(Guest, hasPureCgroupV2WithItsControllersEnabled) {
  const auto enabled = words_of("/sys/fs/cgroup/cgroup.subtree_control");
  for (const char* controller : {"memory", "pids", "cpu", "io"}) {
    EXPECT_TRUE(enabled.contains(controller)) << controller;
  }
  EXPECT_FALSE(read_file("/proc/self/mountinfo").contains(" - cgroup cgroup "));
}

TEST(Guest, hasTheKernelTypesThatBpfProgramsNeed) {
  EXPECT_FALSE(read_file("/sys/kernel/btf/vmlinux").empty());
}

TEST(Guest, mountsSquashfsThroughALoopDevice) {
  EXPECT_EQ(
      in_mount_namespace(
          "cd /tmp; mksquashfs /etc/hosts loop.sqfs -quiet -no-progress >/dev/null;"
          "mount -o loop loop.sqfs /mnt; rm loop.sqfs; cmp /mnt/hosts /etc/hosts; umount /mnt"),
      0);
}

TEST(Guest, mountsErofsThroughALoopDevice) {
  EXPECT_EQ(
      in_mount_namespace(
          "cd /tmp; mkdir from; cp /etc/hosts from; mkfs.erofs loop.erofs from >/dev/null 2>&1;"
          "mount -o loop loop.erofs /mnt; rm -r loop.erofs from; cmp /mnt/hosts /etc/hosts;"
          "umount /mnt"),
      0);
}

TEST(Guest, mountsAnOverlayOverItsOwnRoot) {
  EXPECT_EQ(in_mount_namespace(
                "mount -t tmpfs tmpfs /srv; mkdir /srv/up /srv/work /srv/on;"
                "mount -t overlay -o lowerdir=/,upperdir=/srv/up,workdir=/srv/work overlay /srv/on;"
                "echo changed >/srv/on/etc/hosts; grep -q localhost /etc/hosts; test -e "
                "/srv/up/etc/hosts"),
            0);
}

TEST(Guest, hasTheProgramsThatAreRunUnmodified) {
  for (const char* program : {"python3 -V", "node -v", "sqlite3 -version", "git --version",
                              "gcc --version", "redis-server -v", "nginx -v", "busybox true"}) {
    EXPECT_EQ(std::system((std::string(program) + " >/dev/null 2>&1").c_str()), 0) << program;
  }
}

}  // namespace
