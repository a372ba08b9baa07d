// The cgroup programs, for real, on any host with root and a cgroup v2 tree.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "tests/bpf/cgroup_fixture.hpp"

namespace yett::test {
namespace {

sockaddr_in address(std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

int connect_to(int type, std::uint16_t port) {
  const int fd = ::socket(AF_INET, type, 0);
  const sockaddr_in to = address(port);
  const int result = outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0);
  return result == ECONNREFUSED ? 0 : result;  // nobody listens: it was let pass
}

int connect_mapped(std::uint16_t port) {
  const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(port);
  ::inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr);
  const int result = outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0);
  return result == ECONNREFUSED ? 0 : result;
}

int send_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in to = address(port);
  return outcome(::sendto(fd, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 1);
}

int fast_open(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in to = address(port);
  const int result = outcome(
      ::sendto(fd, "x", 1, MSG_FASTOPEN, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 1);
  return result == ECONNREFUSED || result == EINPROGRESS ? 0 : result;
}

int bind_to(int type, std::uint16_t port) {
  const int fd = ::socket(AF_INET, type, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in at = address(port);
  return outcome(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0);
}

TEST_F(CgroupBpf, EndpointsFollowTheRules) {
  const auto planes = attach(ruled_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kOpenPort); }), 0);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }), EPERM);
  EXPECT_EQ(inside([] { return connect_to(SOCK_DGRAM, kOpenPort); }), 0);
  EXPECT_EQ(inside([] { return connect_to(SOCK_DGRAM, kShutPort); }), EPERM);
  EXPECT_EQ(inside([] { return send_to(kOpenPort); }), 0);
  EXPECT_EQ(inside([] { return send_to(kShutPort); }), EPERM);
  EXPECT_EQ(inside([] { return fast_open(kShutPort); }), EPERM);
  EXPECT_EQ(inside([] { return bind_to(SOCK_STREAM, kOpenPort); }), 0);
  EXPECT_EQ(inside([] { return bind_to(SOCK_STREAM, kShutPort); }), EPERM);
  EXPECT_EQ(inside([] { return bind_to(SOCK_DGRAM, kOpenPort); }), EPERM);
}

// The table of addresses has room for the first rules alone: later ones are found all the same, and
// gone when they go.
TEST_F(CgroupBpf, LaterAddressesFindRoom) {
  CgroupBpfPlan plan;
  plan.attached = true;
  plan.connect = {endpoint_rule(EndpointScheme::tcp, "127.0.0.1", 32, kOpenPort)};
  auto planes = attach(plan);
  ASSERT_TRUE(planes) << planes.error().message();
  const auto udp = endpoint_rule(EndpointScheme::udp, "127.0.0.1", 32, kOpenPort);
  const auto other_port = endpoint_rule(EndpointScheme::tcp, "127.0.0.1", 32, kShutPort);
  EXPECT_EQ(inside([] { return connect_to(SOCK_DGRAM, kOpenPort); }), EPERM);
  ASSERT_TRUE(planes->set_more_connect({udp, other_port}));
  EXPECT_EQ(inside([] { return connect_to(SOCK_DGRAM, kOpenPort); }), 0);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }), 0);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kOpenPort); }), 0);
  ASSERT_TRUE(planes->set_more_connect({}));
  EXPECT_EQ(inside([] { return connect_to(SOCK_DGRAM, kOpenPort); }), EPERM);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }), EPERM);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kOpenPort); }), 0);
}

TEST_F(CgroupBpf, MappedAddressesAreIpv4) {
  const auto planes = attach(ruled_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside([] { return connect_mapped(kOpenPort); }), 0);
  EXPECT_EQ(inside([] { return connect_mapped(kShutPort); }), EPERM);
}

TEST_F(CgroupBpf, RawSocketsHaveNoRules) {
  const auto planes = attach(ruled_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  const Act raw = [] { return outcome(::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0); };
  EXPECT_EQ(inside(raw), EPERM);
  EXPECT_EQ(run_unlabelled(raw), 0);
}

TEST_F(CgroupBpf, ARefusalIsToldWithItsMend) {
  auto planes = attach(ruled_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }), EPERM);
  std::vector<AuditRecord> records;
  planes->drain([&records](const AuditRecord& record) { records.push_back(record); });
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].plane, "cgroup-bpf");
  EXPECT_EQ(records[0].call, "connect");
  EXPECT_EQ(records[0].object, "tcp://127.0.0.1:4002");
  EXPECT_EQ(records[0].mend, "[network] connect += [\"tcp://127.0.0.1:4002\"]");
  EXPECT_EQ(records[0].error, EPERM);
}

TEST_F(CgroupBpf, EventsThatAreNotReadAreCountedAsLost) {
  const auto planes = attach(ruled_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside([] {
              for (int i = 0; i < 1000; ++i)
                if (send_to(kShutPort) != EPERM) return 1;
              return 0;
            }),
            0);
  EXPECT_GT(planes->lost_events(), 500U);
}

TEST_F(CgroupBpf, HoldsInChildCgroups) {
  const auto planes = attach(ruled_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  ASSERT_EQ(::mkdir((path_ + "/child").c_str(), 0755), 0);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }, "/child"), EPERM);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kOpenPort); }, "/child"), 0);
}

TEST_F(CgroupBpf, HoldsAfterTheSupervisorIsKilled) {
  std::array<int, 2> told{};
  ASSERT_EQ(::pipe2(told.data(), O_CLOEXEC), 0);
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    const auto planes = attach(ruled_plan());
    if (::write(told[1], planes ? "y" : "n", 1) != 1) ::_exit(1);
    ::pause();
  }
  char word = 'n';
  ASSERT_EQ(::read(told[0], &word, 1), 1);
  ::kill(supervisor, SIGKILL);
  ::waitpid(supervisor, nullptr, 0);
  EXPECT_EQ(word, 'y');
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }), EPERM);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kOpenPort); }), 0);
}

// SECURITY: device_nodes.
TEST_F(CgroupBpf, OnlyHarmlessDevicesOpen) {
  CgroupBpfPlan plan;
  plan.attached = true;
  plan.restrict_devices = true;
  const auto planes = attach(plan);
  ASSERT_TRUE(planes) << planes.error().message();
  const std::string node = "/tmp/yett-test-node-" + std::to_string(::getpid());
  const auto open_device = [](const char* path) {
    return [path] { return outcome(::open(path, O_RDONLY) < 0); };
  };
  const Act make_node = [&node] {
    return outcome(::mknod(node.c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0);
  };
  EXPECT_EQ(inside(open_device("/dev/null")), 0);
  EXPECT_EQ(inside(open_device("/dev/urandom")), 0);
  EXPECT_EQ(inside(open_device("/dev/kmsg")), EPERM);
  EXPECT_EQ(inside(make_node), EPERM);
  EXPECT_EQ(run_unlabelled(make_node), 0);
  ::unlink(node.c_str());
  // Devices alone restrict no network.
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }), 0);
}

// SECURITY: cgroup_not_armed is the state between load and the writing of the policy, in which
// nothing is attached; a plan whose rules cannot be written attaches nothing either.
TEST_F(CgroupBpf, ARuleThatCannotBeHeldAttachesNothing) {
  CgroupBpfPlan plan = ruled_plan();
  EndpointRule named = endpoint_rule(EndpointScheme::tcp, "*", 0, 443);
  named.host = "api.example.com";
  plan.connect.add(named);
  const auto planes = attach(plan);
  ASSERT_FALSE(planes);
  EXPECT_NE(planes.error().message().find("host names"), std::string::npos);
  EXPECT_EQ(inside([] { return connect_to(SOCK_STREAM, kShutPort); }), 0);
}

}  // namespace
}  // namespace yett::test
