#include "tests/adversarial/host_unchanged.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support/pace.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFirstHostId = 0x59000000;  // sandbox/plan/planner.cpp

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Content and times: a write that restores the content shows too.
std::string state_of(const fs::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return "absent";
  std::ostringstream text;
  text << std::oct << status.st_mode << std::dec << ' ' << status.st_uid << ' ' << status.st_ino
       << ' ' << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << ' '
       << status.st_ctim.tv_sec << '.' << status.st_ctim.tv_nsec;
  if (S_ISREG(status.st_mode)) text << ' ' << text_of(path);
  return text.str();
}

std::string mounts() {
  std::ostringstream text;
  std::istringstream lines(text_of("/proc/self/mountinfo"));
  for (std::string id, parent, device, rest;
       lines >> id >> parent >> device && std::getline(lines, rest);)
    text << rest << '\n';
  return text.str();
}

std::string own_loops(const std::string& place) {
  std::string text;
  std::error_code ignored;
  for (const auto& device : fs::directory_iterator("/sys/block", ignored)) {
    const std::string file = text_of(device.path() / "loop/backing_file");
    if (file.find(place) != std::string::npos) text += device.path().filename().string() + file;
  }
  return text;
}

std::string own_cgroups() {
  std::set<std::string> names;
  for (const int pid : started_programs().all()) names.insert("yett-" + std::to_string(pid));
  std::string text;
  std::error_code ignored;
  for (const char* parent : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory",
                             "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu"})
    for (const auto& entry : fs::directory_iterator(fs::path(parent) / "yett", ignored))
      if (names.contains(entry.path().filename())) text += entry.path().string() + "\n";
  return text;
}

void prepare_once() {
  static const bool done = [] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }();
  ASSERT_TRUE(done) << "no mount namespace of my own";
}

}  // namespace

std::map<std::string, std::string> photograph_host(const std::string& canaries) {
  std::map<std::string, std::string> picture;
  picture["mounts"] = mounts();
  picture["loop devices"] = own_loops(canaries);
  picture["cgroups"] = own_cgroups();
  for (const char* name :
       {"kernel/tainted", "kernel/core_pattern", "kernel/modprobe", "kernel/sysrq",
        "kernel/hostname", "kernel/domainname", "kernel/randomize_va_space",
        "kernel/yama/ptrace_scope", "kernel/unprivileged_bpf_disabled", "kernel/poweroff_cmd",
        "fs/suid_dumpable", "fs/protected_symlinks", "fs/binfmt_misc/status",
        "user/max_user_namespaces", "vm/overcommit_memory", "vm/memfd_noexec", "vm/drop_caches",
        "net/ipv4/ip_forward"})
    picture[name] = text_of(fs::path("/proc/sys") / name);
  picture["uevent_helper"] = text_of("/sys/kernel/uevent_helper");
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(canaries, ignored))
    picture[entry.path()] = state_of(entry.path());
  return picture;
}

std::string living_sandbox_processes() {
  std::set<std::uint32_t> owners;
  for (const int pid : started_programs().all())
    owners.insert(kFirstHostId + static_cast<std::uint32_t>(pid));
  std::string living;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    struct stat status{};
    const std::string name = entry.path().filename();
    if (name[0] < '0' || name[0] > '9' || ::stat(entry.path().c_str(), &status) != 0) continue;
    // A process that is not dumpable shows as root's: its status tells the truth.
    const std::string text = text_of(entry.path() / "status");
    const std::size_t uid = text.find("\nUid:\t");
    if (uid == std::string::npos || text.find("\nState:\tZ") != std::string::npos) continue;
    if (owners.contains(static_cast<std::uint32_t>(std::strtoul(&text[uid + 6], nullptr, 10))))
      living += name + " " + text_of(entry.path() / "comm");
  }
  return living;
}

bool sandboxes_gone_within(int milliseconds) {
  if (is_emulated_guest()) milliseconds *= 5;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (!living_sandbox_processes().empty()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void HostUnchanged::SetUp() {
  YETT_REQUIRE(::geteuid() == 0, "mounting needs root");
  prepare_once();
  std::string pattern = "/var/tmp/yett-adversarial-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  work_ = pattern;
  ASSERT_EQ(::chmod(work_.c_str(), 0755), 0);
  fs::create_directory(work_ + "/host");
  write_file(canary(), kCanaryText, 0600);
  write_file(open_canary(), kCanaryText, 0666);
  before_ = photograph_host(work_ + "/host");
}

void HostUnchanged::TearDown() {
  if (work_.empty()) return;
  EXPECT_TRUE(sandboxes_gone_within(3000)) << living_sandbox_processes();
  auto after = photograph_host(work_ + "/host");
  for (int tries = 0; tries < 30 && after != before_; ++tries) {  // autoclear, dying namespaces
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    after = photograph_host(work_ + "/host");
  }
  for (const auto& [name, state] : before_) EXPECT_EQ(after[name], state) << name << " changed";
  EXPECT_EQ(after.size(), before_.size());
  std::error_code ignored;
  fs::remove_all(work_, ignored);
}

void HostUnchanged::write_file(const std::string& path, const std::string& text,
                               unsigned mode) const {
  std::ofstream(path) << text;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0) << path;
}

std::string HostUnchanged::read_file(const std::string& path) { return text_of(path); }

}  // namespace yett::test
