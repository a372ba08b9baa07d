// The built-in policy `container` against Docker's default profile, and against what services and
// package managers do.
#include <gmock/gmock.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/container_syscalls.hpp"
#include "tests/support/bpf_interpreter.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kEveryCapability = ~std::uint64_t{0};

// The calls of Docker's profile: by name, the capabilities any of which opens it ("" : anybody).
std::map<std::string, std::set<std::string>, std::less<>> docker_calls() {
  std::map<std::string, std::set<std::string>, std::less<>> calls;
  std::ifstream file(YETT_SOURCE_DIR "/tests/unit/oci/facts/docker_default.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::string capability;
    if (line.starts_with('#') || !(words >> name)) continue;
    words >> capability;
    calls[name].insert(capability);
  }
  EXPECT_GT(calls.size(), 300U);
  return calls;
}

TEST(ContainerPolicy, NothingThatDockerRefuses) {
  const auto docker = docker_calls();
  for (const SyscallRule& rule : make_container_syscalls(kEveryCapability))
    if (rule.reachable()) {
      EXPECT_TRUE(docker.contains(rule.name)) << rule.name;
    }
  // With the default capabilities: nothing that Docker ties to another.
  for (const SyscallRule& rule : make_container_syscalls(default_container_capabilities())) {
    if (!rule.reachable()) continue;
    const auto found = docker.find(rule.name);
    ASSERT_NE(found, docker.end()) << rule.name;
    EXPECT_TRUE(found->second.contains("") || found->second.contains("CAP_SYS_CHROOT"))
        << rule.name;
  }
}

TEST(ContainerPolicy, IsNarrowerThanDocker) {
  const auto rules = make_container_syscalls(default_container_capabilities());
  std::set<std::string_view> refused;
  for (const auto& [name, capabilities] : docker_calls()) {
    const auto rule = std::ranges::find(rules, name, &SyscallRule::name);
    if (rule != rules.end() && !rule->reachable() && capabilities.contains(""))
      refused.insert(rule->name);
  }
  EXPECT_THAT(refused, testing::IsSupersetOf({"vmsplice", "modify_ldt", "remap_file_pages"}));
  EXPECT_LT(refused.size(), 30U) << "each is a promise that no image needs it";
}

TEST(ContainerPolicy, EveryRuleHasItsReason) {
  for (const SyscallRule& rule : make_container_syscalls(default_container_capabilities()))
    EXPECT_FALSE(rule.reason.empty()) << rule.name;
}

// What apt-get and dpkg, nginx, redis-server, su and sshd cannot do without, by their manuals.
TEST(ContainerPolicy, ServicesAndPackageManagersFindTheirCalls) {
  const auto rules = make_container_syscalls(default_container_capabilities());
  for (const char* name : {"execve",
                           "clone",
                           "vfork",
                           "chroot",
                           "chown",
                           "fchownat",
                           "lchown",
                           "fchmodat",
                           "setgroups",
                           "setuid",
                           "setgid",
                           "setresuid",
                           "setresgid",
                           "setreuid",
                           "setregid",
                           "setfsuid",
                           "setfsgid",
                           "capset",
                           "capget",
                           "prctl",
                           "rename",
                           "link",
                           "symlink",
                           "utimensat",
                           "mknod",
                           "fsync",
                           "sync",
                           "syncfs",
                           "sync_file_range",
                           "fallocate",
                           "flock",
                           "setsid",
                           "setpgid",
                           "socketpair",
                           "sendmsg",
                           "recvmsg",
                           "accept4",
                           "bind",
                           "listen",
                           "epoll_wait",
                           "io_setup",
                           "sendfile",
                           "splice",
                           "eventfd2",
                           "prlimit64",
                           "setrlimit",
                           "mlockall",
                           "madvise",
                           "sysinfo",
                           "sched_setaffinity",
                           "setpriority",
                           "ioprio_set",
                           "seccomp",
                           "keyctl",
                           "ptrace",
                           "shmget",
                           "semop",
                           "msgget",
                           "mq_open",
                           "setxattr",
                           "fremovexattr",
                           "name_to_handle_at",
                           "memfd_create",
                           "execveat",
                           "get_robust_list",
                           "umask",
                           "chmod",
                           "inotify_init1"}) {
    const auto rule = std::ranges::find(rules, std::string_view(name), &SyscallRule::name);
    ASSERT_NE(rule, rules.end()) << name;
    if (std::string_view(name) == "keyctl")
      EXPECT_FALSE(rule->reachable()) << "the twin: Docker refuses it too";
    else
      EXPECT_TRUE(rule->reachable()) << name;
  }
}

class ContainerFilter : public testing::Test {
 protected:
  static CompiledFilter compiled(std::uint64_t capabilities) {
    FilterPlan plan;
    plan.rules = make_container_policy(capabilities).syscalls.rules;
    plan.audited_refusals = false;
    return *compile_filter(plan);
  }
  static std::uint32_t answer(const CompiledFilter& filter, long number,
                              std::array<std::uint64_t, 3> args = {}) {
    seccomp_data data{.nr = static_cast<int>(number), .arch = AUDIT_ARCH_X86_64};
    std::ranges::copy(args, data.args);
    return run_bpf(filter.program, data).value_or(0);
  }
  static constexpr std::uint32_t refusal(int error) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
  }
  CompiledFilter filter_ = compiled(default_container_capabilities());
};

TEST_F(ContainerFilter, TerminalsCannotBeTypedInto) {  // terminal-injection
  for (const std::uint64_t command : {0x5412U, 0x541CU, 0x541DU}) {
    EXPECT_EQ(answer(filter_, SYS_ioctl, {0, command}), refusal(EPERM)) << command;
    EXPECT_EQ(answer(filter_, SYS_ioctl, {0, command | 1ULL << 32}), refusal(EPERM)) << command;
  }
  for (std::uint64_t command = 0x5400; command < 0x5500; ++command)
    if (command != 0x5412 && command != 0x541C && command != 0x541D) {
      EXPECT_EQ(answer(filter_, SYS_ioctl, {0, command}), SECCOMP_RET_ALLOW) << command;
    }
  for (const std::uint64_t command : {0x80086601ULL, 0x40045431ULL, 0x8912ULL, 0x15412ULL})
    EXPECT_EQ(answer(filter_, SYS_ioctl, {0, command}), SECCOMP_RET_ALLOW) << command;
}

TEST_F(ContainerFilter, SocketFamilies) {  // socket-families
  for (std::uint64_t family = 0; family < 64; ++family) {
    const bool given = family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
                       family == AF_NETLINK || family == AF_PACKET;
    EXPECT_EQ(answer(filter_, SYS_socket, {family, SOCK_STREAM, 0}),
              given ? SECCOMP_RET_ALLOW : refusal(EAFNOSUPPORT))
        << family;
  }
}

TEST_F(ContainerFilter, KernelTlsIsTheOnlyOptionRefused) {  // socket-options
  EXPECT_EQ(answer(filter_, SYS_setsockopt, {3, 6, 31}), refusal(ENOPROTOOPT));
  for (std::uint64_t level : {0U, 1U, 6U, 17U, 41U, 270U})
    for (std::uint64_t option = 0; option < 80; ++option)
      if (level != 6 || option != 31) {
        EXPECT_EQ(answer(filter_, SYS_setsockopt, {3, level, option}), SECCOMP_RET_ALLOW)
            << level << ' ' << option;
      }
}

TEST_F(ContainerFilter, NamespacesNeedTheCapability) {  // no-namespaces
  const CompiledFilter admin = compiled(kEveryCapability);
  for (const std::uint64_t flag : {CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWPID}) {
    EXPECT_EQ(answer(filter_, SYS_clone, {flag}), refusal(EPERM));
    EXPECT_EQ(answer(admin, SYS_clone, {flag}), SECCOMP_RET_ALLOW);
  }
  EXPECT_EQ(answer(filter_, SYS_clone, {CLONE_VM}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(filter_, SYS_unshare), refusal(EPERM));
  EXPECT_EQ(answer(admin, SYS_unshare), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer(filter_, SYS_clone3), refusal(ENOSYS));
}

TEST_F(ContainerFilter, SurfaceThatIsNeverGiven) {
  const CompiledFilter admin = compiled(kEveryCapability);
  for (const long number : {SYS_io_uring_setup, SYS_userfaultfd, SYS_kexec_load, SYS_init_module,
                            SYS_add_key, SYS_iopl, SYS_swapon})
    EXPECT_EQ(answer(admin, number) & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO) << number;
}

TEST(ContainerPolicy, IsBuiltInAndHashesApartFromOthers) {
  const auto policy = make_builtin_policy("container");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->name, "container");
  EXPECT_NE(hash_policy(*policy), hash_policy(*make_builtin_policy("plugin")));
  EXPECT_NE(hash_policy(*policy), hash_policy(make_container_policy(kEveryCapability)));
  EXPECT_TRUE(parse_policy("extends = \"container\"\n", "file.toml"));
}

}  // namespace
}  // namespace yett
