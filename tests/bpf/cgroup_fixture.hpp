// A cgroup of the test's own, with the cgroup programs of a plan, and acts in it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.hpp"
#include "supervisor/lsm/kernel_planes.hpp"
#include "tests/bpf/labelled_task.hpp"
#include "tests/support/require.hpp"

namespace yett::test {

inline constexpr std::uint16_t kOpenPort = 4001;
inline constexpr std::uint16_t kShutPort = 4002;
inline constexpr long kCgroup2Magic = 0x63677270;

inline std::string cgroup2_mount() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs info{};
    if (::statfs(path, &info) == 0 && info.f_type == kCgroup2Magic) return path;
  }
  return {};
}

inline int wait_status(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 201;
}

class CgroupBpf : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string mount = cgroup2_mount();
    YETT_REQUIRE(::geteuid() == 0 && !mount.empty(), "needs root and a cgroup v2 tree");
    path_ = mount + "/yett-test-" + std::to_string(::getpid());
    ASSERT_EQ(::mkdir(path_.c_str(), 0755), 0);
    fd_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(fd_.valid());
    const Status probed = probe_cgroup_bpf(fd_.borrow());
    YETT_REQUIRE(probed.has_value(), probed.error().message());
  }
  void TearDown() override {
    if (path_.empty()) return;
    ::rmdir((path_ + "/child").c_str());
    EXPECT_EQ(::rmdir(path_.c_str()), 0);
  }

  [[nodiscard]] Result<KernelPlanes> attach(const CgroupBpfPlan& plan) const {
    SandboxPlan whole;
    whole.sandbox = "test";
    whole.cgroup_bpf = plan;
    return KernelPlanes::make(whole, fd_.borrow());
  }
  // The act in a child that lives in the cgroup, or in one below it.
  [[nodiscard]] int inside(const Act& act, const std::string& below = {}) const {
    const pid_t child = ::fork();
    if (child != 0) return wait_status(child);
    enter(below);
    ::_exit(act());
  }
  // For good: by a child.
  void enter(const std::string& below = {}) const {
    const UniqueFd file(::open((path_ + below + "/cgroup.procs").c_str(), O_WRONLY));
    if (::write(file.get(), "0", 1) != 1) ::_exit(199);
  }
  static CgroupBpfPlan ruled_plan() {
    CgroupBpfPlan plan;
    plan.attached = true;
    plan.connect = {endpoint_rule(EndpointScheme::tcp, "127.0.0.0", 8, kOpenPort),
                    endpoint_rule(EndpointScheme::udp, "127.0.0.1", 32, kOpenPort)};
    plan.listen = {endpoint_rule(EndpointScheme::tcp, "127.0.0.1", 32, kOpenPort)};
    return plan;
  }
  std::string path_;
  UniqueFd fd_;
};

}  // namespace yett::test
