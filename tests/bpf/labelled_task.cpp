#include "tests/bpf/labelled_task.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/unique_fd.hpp"
#include "supervisor/lsm/kernel_planes.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

constexpr int kNotLabelled = 200;
constexpr int kKilled = 201;

bool lsm_required() {
  const char* value = std::getenv("YETT_REQUIRE_BPF_LSM");
  return value != nullptr && std::strcmp(value, "1") == 0;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kKilled;
}

// A child that acts when `gate` says 'g' and gives up when it closes.
pid_t start_gated(const std::array<int, 2>& gate, const Act& act) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::close(gate[1]);
  char word = 0;
  if (::read(gate[0], &word, 1) != 1) ::_exit(kNotLabelled);
  ::_exit(act());
}

Status label(KernelPlanes& planes, pid_t child) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const UniqueFd root(
      ::open(("/proc/" + std::to_string(child) + "/root").c_str(), O_PATH | O_CLOEXEC));
  return planes.label(pidfd.borrow(), root.borrow());
}

// Loading takes long in an emulated guest: once for the program, not for each case.
class PinsRemoved : public ::testing::Environment {
  void TearDown() override {
    const Status removed = unload_kernel_planes();
    EXPECT_TRUE(removed) << removed.error().message();
    EXPECT_NE(::access("/sys/fs/bpf/yett", F_OK), 0);
  }
};
const auto* const kPinsRemoved = ::testing::AddGlobalTestEnvironment(new PinsRemoved);

}  // namespace

int outcome(bool failed) { return failed ? errno : 0; }

LabelledRun run_labelled(const LsmPlan& plan, const Act& act) {
  LabelledRun run;
  SandboxPlan whole;
  whole.sandbox = "test";
  whole.lsm = plan;
  auto planes = KernelPlanes::make(whole, BorrowedFd());
  if (!planes) {
    run.error = planes.error().message();
    return run;
  }
  std::array<int, 2> gate{};
  if (::pipe2(gate.data(), O_CLOEXEC) != 0) return run;
  const pid_t child = start_gated(gate, act);
  ::close(gate[0]);
  const Status labelled = label(*planes, child);
  if (!labelled) run.error = labelled.error().message();
  if (labelled && ::write(gate[1], "g", 1) != 1) run.error = "the child is gone";
  ::close(gate[1]);
  run.result = wait_for(child);
  planes->drain([&run](const AuditRecord& record) { run.records.push_back(record); });
  run.lost_events = planes->lost_events();
  return run;
}

int run_unlabelled(const Act& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  return wait_for(child);
}

LsmPlan plain_plan() {
  LsmPlan plan;
  plan.labelled = true;
  plan.deny_exec_of_written = false;
  plan.deny_memfd_exec = false;
  return plan;
}

PathRule path_rule(const std::string& path) { return PathRule{.path = path, .source = {}}; }

EndpointRule endpoint_rule(EndpointScheme scheme, const std::string& host, std::uint8_t prefix,
                           std::uint16_t port) {
  EndpointRule rule;
  rule.scheme = scheme;
  rule.host = host;
  rule.prefix_length = prefix;
  rule.is_literal = host != "*";
  if (rule.is_literal) ::inet_pton(AF_INET, host.c_str(), rule.address.data());
  rule.port_first = rule.port_last = port;
  rule.text = host + ":" + std::to_string(port);
  return rule;
}

void LsmTest::SetUp() {
  const Status probed = probe_bpf_lsm();
  if (!probed && lsm_required()) FAIL() << probed.error().message();
  if (!probed) GTEST_SKIP() << probed.error().message();
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  std::string pattern = "/tmp/yett-lsm-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
  ASSERT_EQ(::mount("tmpfs", directory_.c_str(), "tmpfs", 0, nullptr), 0);
}

void LsmTest::TearDown() {
  if (directory_.empty()) return;
  ::umount2(directory_.c_str(), MNT_DETACH);
  ::rmdir(directory_.c_str());
}

std::string LsmTest::make_file(const std::string& name, const std::string& content) {
  const std::filesystem::path path = std::filesystem::path(directory_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << content;
  return path;
}

}  // namespace yett::test
