// security.md, "Start and exec": images and volumes whose directories are links to the host, also
// ones that change while the mounts are made. Nothing is mounted on, made in or read from the host.
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/scope_exit.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/launch/id_maps.hpp"
#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Images : public HostUnchanged {
 protected:
  // A directory image with one static program, /reach, and these links.
  std::string make_image(std::initializer_list<std::pair<const char*, std::string>> links) const {
    const std::string image = work() + "/image";
    fs::remove_all(image);
    fs::create_directory(image);
    fs::copy_file(kAttacks + "/image_view", image + "/image_view");
    for (const auto& [name, target] : links) fs::create_symlink(target, image + "/" + name);
    return image;
  }
  [[nodiscard]] std::string host() const { return work() + "/host"; }
};

// Each of the places that the runtime mounts on is a link to a directory of the host, in every
// shape: the launch fails, or the mount lands inside the root.
TEST_F(Images, PlacesThatAreLinksToTheHost) {
  const std::string up = "../../../../../../../..";
  int ran = 0;
  int pair = 0;
  for (const char* place : {"proc", "dev", "sys", "tmp", "etc", "run", "home", "var"})
    for (const std::string& target :
         {host(), up + host(), std::string("/proc/self/root") + host(), std::string("/proc/1/root"),
          std::string("/"), std::string(place), std::string("/no/such/place")}) {
      if (!is_sampled(pair++)) continue;
      const std::string image = make_image({{place, target}});
      const RunResult run = run_yett({"run", image, "--", "/image_view", "/canary", "/host/canary",
                                      (host() + "/canary"), "/open-canary"});
      EXPECT_EQ(run.out.find("nobody inside"), std::string::npos)
          << place << " -> " << target << ": " << run.text();
      EXPECT_TRUE(run.exit_status == 0 || run.exit_status == 125)
          << place << " -> " << target << ": " << run.text();
      ran += run.exit_status == 0 ? 1 : 0;
    }
  EXPECT_GT(ran, 0);
  EXPECT_EQ(fs::exists(host() + "/null") || fs::exists(host() + "/pts"), false);
}

TEST_F(Images, WhatAPlainPathWouldHaveReached) {
  // The same fixture by the calls that a careless runtime makes: it leads to the host.
  const std::string image = make_image({{"dev", host()}});
  const UniqueFd root(::open(image.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd careless(::openat(root.get(), "dev/canary", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(careless.valid());
  // SECURITY(in-root-resolution)
  EXPECT_EQ(sys_open_in_root(root.get(), "dev/canary", O_RDONLY | O_CLOEXEC, 0), -ENOENT);
}

// The targets of volumes, files and links in the image: through links in the middle of the path.
TEST_F(Images, TargetsOfVolumesThatAreLinks) {
  const std::string image =
      make_image({{"a", host()}, {"b", "../../../.." + host()}, {"c", "/proc"}});
  const std::string volume = work() + "/volume";
  fs::create_directory(volume);
  write_file(volume + "/token", "volume\n");
  for (const char* target : {"/a/x", "/b/x", "/a", "/b", "/c/x", "/a/../../x"}) {
    const RunResult run = run_yett(
        {"run", "-v", volume + ":" + target + ":ro", image, "--", "/image_view", "/token"});
    EXPECT_TRUE(run.exit_status == 0 || run.exit_status == 125) << target << run.text();
  }
  EXPECT_FALSE(fs::exists(host() + "/x"));
  const RunResult twin =
      run_yett({"run", "-v", volume + ":/plain:ro", image, "--", "/image_view", "/plain/token"});
  EXPECT_NE(twin.out.find("/plain/token volume"), std::string::npos) << twin.text();
}

// CVE-2021-30465: a name is a directory when it is looked at and a link when it is used. A thread
// exchanges the two as fast as it can, while sandboxes start.
TEST_F(Images, NamesExchangedWhileTheMountsAreMade) {
  const std::string image = make_image({{"trap", host()}});
  fs::create_directory(image + "/dev");
  const std::string shared = work() + "/shared";
  fs::create_directory(shared);
  fs::create_directory(shared + "/sub");
  fs::create_symlink(host(), shared + "/trap");
  write_file(shared + "/sub/token", "");  // what the second volume is mounted on
  write_file(work() + "/token", "volume\n");

  std::atomic<bool> done{false};
  std::atomic<long> exchanges{0};
  std::thread racer([&] {
    const auto exchange = [](const std::string& one, const std::string& other) {
      return ::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(),
                       RENAME_EXCHANGE) == 0;
    };
    while (!done) {
      exchanges += exchange(image + "/dev", image + "/trap") ? 1 : 0;
      exchanges += exchange(shared + "/sub", shared + "/trap") ? 1 : 0;
    }
  });
  const ScopeExit end([&] {
    done = true;
    racer.join();
  });
  int ran = 0;
  for (int i = 0; i < repeated(150) || ((exchanges < repeated(10'000) || ran == 0) && i < 2000);
       ++i) {
    const RunResult run =
        run_yett({"run", "-v", shared + ":/shared", "-v", work() + "/token:/shared/sub/token:ro",
                  image, "--", "/image_view", "/dev/canary", "/dev/open-canary",
                  "/shared/sub/canary", "/shared/trap/canary", "/canary", "/dev/null"});
    ASSERT_EQ(run.out.find("nobody inside"), std::string::npos) << run.text();
    ASSERT_FALSE(fs::exists(host() + "/token")) << "a mount point was made on the host";
    ASSERT_TRUE(run.exit_status == 0 || run.exit_status == 125) << run.text();
    ran += run.exit_status == 0 ? 1 : 0;
  }
  EXPECT_GE(exchanges, repeated(10'000));
  EXPECT_GT(ran, 0) << "every start failed: the race was never entered";
}

// SECURITY(image_nosuid_nodev): set-uid programs run as who they are called by, device nodes are
// none. (The twin needs no sandbox: as another user of the host, both work.)
TEST_F(Images, SetUserIdAndDeviceNodes) {
  const std::string image = make_image({});
  fs::copy_file(kAttacks + "/leftovers", image + "/set-id");
  ASSERT_EQ(::chown((image + "/set-id").c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod((image + "/set-id").c_str(), 06755), 0);
  ASSERT_EQ(::mknod((image + "/zero").c_str(), S_IFCHR | 0666, 0x105), 0);
  ASSERT_EQ(::chmod((image + "/zero").c_str(), 0666), 0);

  const RunResult identity = run_yett({"run", image, "--", "/set-id"});
  EXPECT_NE(identity.out.find("self Uid:\t1000\t1000\t1000\t1000"), std::string::npos)
      << identity.text();
  const RunResult device = run_yett({"run", image, "--", "/image_view", "/zero"});
  EXPECT_NE(device.out.find("/zero EACCES"), std::string::npos) << device.text();

  RunOptions nobody;
  nobody.before_exec = [] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(124);
  };
  const RunResult twin = run_program({image + "/set-id"}, nobody);
  EXPECT_NE(twin.out.find("self Uid:\t65534\t0\t0\t0"), std::string::npos) << twin.text();
  const RunResult zero = run_program({image + "/image_view", image + "/zero"}, nobody);
  EXPECT_EQ(zero.out.find("EACCES"), std::string::npos) << zero.text();
}

// Two sandboxes of one image share its pages in memory. Whatever one tries on a file that its mode
// lets everybody write, the other and the host read what was there.
TEST_F(Images, AFileOfTheImageStaysTheSameForASibling) {
  const std::string image = make_image({});
  fs::copy_file(kAttacks + "/page_cache", image + "/page_cache");
  write_file(image + "/shared", "as it was\n", 0666);
  const auto sibling_reads = [&] {
    return run_yett({"run", image, "--", "/image_view", "/shared"});
  };
  ASSERT_NE(sibling_reads().out.find("as it was"), std::string::npos);
  const RunResult attack = run_yett({"run", image, "--", "/page_cache"});
  const Results inside = results_of(attack);
  ASSERT_EQ(inside.size(), 5U) << attack.text();
  EXPECT_EQ(inside.at("map_writable"), "EACCES");
  EXPECT_EQ(inside.at("map_and_protect"), "EACCES");
  EXPECT_EQ(inside.at("splice_and_write"), "EINVAL");
  expect_result(inside, "write_it", "EROFS|EACCES", "inside");
  EXPECT_NE(sibling_reads().out.find("as it was"), std::string::npos);
  EXPECT_EQ(read_file(image + "/shared"), "as it was\n");

  // Where the file may be written, the same program changes what everybody reads.
  const Results natively =
      results_of(run_attack_natively({"page_cache"}, "export SHARED=" + image + "/shared"));
  EXPECT_EQ(natively.at("splice_and_write"), "ok");
  EXPECT_EQ(natively.at("write_it"), "ok");
  EXPECT_EQ(sibling_reads().out.find("as it was"), std::string::npos);
}

// In a mount namespace of the caller's own, `directory` is one whose owners are mapped already, as
// container engines make them: a second map cannot be had.
void map_owners_of(const std::string& directory) {
  const auto any = make_mapped_namespace({{.inside = 0, .outside = 70'000, .count = 1}},
                                         {{.inside = 0, .outside = 70'000, .count = 1}});
  if (!any || ::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    ::_exit(121);
  const int mount = sys_open_tree_clone(AT_FDCWD, directory.c_str(), Subtree::only_this_mount);
  if (mount < 0 || sys_mount_idmap(mount, any->get()) != 0) ::_exit(122);
  const UniqueFd place(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (sys_move_mount(mount, place.get(), "") < 0) ::_exit(123);
}

// A plan says that a volume's owner is the sandbox's user. Where this cannot be, nothing runs.
TEST_F(Images, OwnersThatCannotBeMappedAreAnError) {
  const std::string lent = work() + "/lent";
  fs::create_directory(lent);
  const LaunchOf start{.command = {"true"}, .volumes = {{.source = lent, .target = "/lent"}}};
  const auto map_the_volume = [](SandboxPlan& plan) {
    for (MountEntry& entry : plan.mounts) entry.map_owner = entry.target == "/lent";
  };
  const RunResult twin = run_without({.from_plan = map_the_volume, .calls = {}}, start);
  EXPECT_EQ(twin.exit_status, 0) << twin.text();
  const auto mapped_already = [&](SandboxPlan& plan) {
    map_the_volume(plan);
    map_owners_of(lent);
  };
  const RunResult refused = run_without({.from_plan = mapped_already, .calls = {}}, start);
  EXPECT_NE(refused.exit_status, 0) << refused.text();
  EXPECT_NE(refused.err.find("not permitted"), std::string::npos) << refused.text();
}

// SECURITY(overlay-xattr): an image that carries overlay's own attributes, which would show a
// directory of the host under another name.
TEST_F(Images, OverlayAttributesOfTheImage) {
  const std::string image = make_image({});
  fs::create_directory(image + "/window");
  const std::string redirect = host();
  if (::syscall(SYS_setxattr, (image + "/window").c_str(), "trusted.overlay.redirect",
                redirect.c_str(), redirect.size(), 0) != 0)
    GTEST_SKIP() << "no trusted attributes on " << work();
  const RunResult run =
      run_yett({"run", image, "--", "/image_view", "/window/canary", "/window/open-canary"});
  EXPECT_EQ(run.out.find("nobody inside"), std::string::npos) << run.text();
}

// ---- the host's side ----------------------------------------------------------------------------

// SECURITY(private-propagation): in a host whose mounts are shared, as systemd makes them, nothing
// of the sandbox's comes back; what the fixture compares is this namespace's list.
TEST_F(Images, MountsDoNotTravelBack) {
  const std::string image = make_image({});
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr), 0);
  const ScopeExit again([] { ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr); });
  const std::string before = read_file("/proc/self/mounts");
  RunningProgram running(
      yett_command({"run", "-v", work() + "/host:/data", image, "--", "/image_view", "--wait"}),
      {});
  ASSERT_TRUE(running.wait_for_output("ready", std::chrono::seconds(20))) << running.output();
  EXPECT_EQ(read_file("/proc/self/mounts"), before);
  EXPECT_EQ(fs::exists("/run/yett/proc"), false);
}

// The same with the step skipped that makes the child's mounts private: they are the host's, too.
// The launch ends at the root that it cannot leave, but what it had mounted is there.
TEST_F(Images, WithoutPrivatePropagationTheyWould) {
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr), 0);
  const ScopeExit again([] {
    while (::umount2("/run/yett", MNT_DETACH) == 0) continue;
    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  });
  const std::string before = read_file("/proc/self/mounts");
  const Missing privacy{
      .calls = {{.number = SYS_mount, .index = 3, .argument = MS_REC | MS_PRIVATE}}};
  EXPECT_NE(run_without(privacy, {.command = {"true"}}).exit_status, 0);
  EXPECT_NE(read_file("/proc/self/mounts"), before);
}

// SECURITY(runtime-directory): one that somebody else made is not used.
TEST_F(Images, ARuntimeDirectoryOfSomebodyElse) {
  const auto with_run = [this](const char* setup) {
    return run_program({"unshare", "--mount", "--", "sh", "-c",
                        std::string("mount -t tmpfs none /run && ") + setup + "; exec \"$@\"", "sh",
                        yett_binary(), "run", "--", "/bin/true"});
  };
  EXPECT_EQ(with_run("true").exit_status, 0) << with_run("true").text();
  for (const char* setup :
       {"mkdir -m 0777 /run/yett", "mkdir -m 0700 /run/yett && chown 65534 /run/yett",
        "mkdir -m 0700 /run/other && ln -s other /run/yett", "touch /run/yett"}) {
    const RunResult run = with_run(setup);
    EXPECT_EQ(run.exit_status, 125) << setup << ": " << run.text();
    EXPECT_NE(run.err.find("/run/yett"), std::string::npos) << run.err;
  }
}

}  // namespace
}  // namespace yett::test
