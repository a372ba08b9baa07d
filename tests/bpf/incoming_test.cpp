// What comes in to a sandbox's sockets from outside, which no call of its own shows: datagrams to a
// port that the kernel chose, and IPv4 at a socket of IPv6.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/scope_exit.hpp"
#include "tests/bpf/cgroup_fixture.hpp"

namespace yett::test {
namespace {

sockaddr_in6 at(const in6_addr& address, std::uint16_t port) {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  result.sin6_port = htons(port);
  result.sin6_addr = address;
  return result;
}

in6_addr mapped_loopback() {
  in6_addr address{};
  ::inet_pton(AF_INET6, "::ffff:127.0.0.1", &address);
  return address;
}

const sockaddr* as_sockaddr(const sockaddr_in6& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::uint16_t port_of(int socket) {
  sockaddr_in6 own{};
  socklen_t size = sizeof own;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin6_port);
}

// Of IPv6, which speaks IPv4 by mapped addresses.
int bound(int type, const in6_addr& address, std::uint16_t port = 0) {
  const int made = ::socket(AF_INET6, type | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in6 where = at(address, port);
  return ::bind(made, as_sockaddr(where), sizeof where) == 0 ? made : -1;
}

std::uint16_t free_port(int type) {
  const UniqueFd taken(bound(type, in6addr_any));
  return port_of(taken.get());
}

bool send_byte(int from, const in6_addr& to, std::uint16_t port, char byte) {
  const sockaddr_in6 where = at(to, port);
  return ::sendto(from, &byte, 1, 0, as_sockaddr(where), sizeof where) == 1;
}

// 0: nothing came.
char receive_byte(int socket) {
  pollfd watched{.fd = socket, .events = POLLIN, .revents = 0};
  char byte = 0;
  if (::poll(&watched, 1, 5000) != 1 || ::recv(socket, &byte, 1, 0) != 1) return 0;
  return byte;
}

EndpointRule ipv6_rule(EndpointScheme scheme, std::uint16_t port) {
  EndpointRule rule = endpoint_rule(scheme, "0.0.0.0", 32, port);
  rule.is_ipv6 = true;
  rule.host = "::";
  rule.prefix_length = 128;
  rule.address = {};
  return rule;
}

// Two endpoints outside: one that the rules let datagrams go to, one that none names.
class Incoming : public CgroupBpf {
 protected:
  void SetUp() override {
    CgroupBpf::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    open_.reset(bound(SOCK_DGRAM, mapped_loopback()));
    stray_.reset(bound(SOCK_DGRAM, mapped_loopback()));
    stray_ipv6_.reset(bound(SOCK_DGRAM, in6addr_loopback));
    ASSERT_TRUE(open_.valid() && stray_.valid() && stray_ipv6_.valid());
  }
  [[nodiscard]] CgroupBpfPlan to_open() const {
    CgroupBpfPlan plan;
    plan.attached = true;
    plan.connect = {endpoint_rule(EndpointScheme::udp, "127.0.0.1", 32, port_of(open_.get()))};
    return plan;
  }
  static CgroupBpfPlan listening(const std::vector<EndpointRule>& rules) {
    CgroupBpfPlan plan;
    plan.attached = true;
    plan.listen = rules;
    return plan;
  }
  // Which of a stray datagram and one from where the rules lead comes to `socket` first.
  [[nodiscard]] char first_of(int socket) const {
    const std::uint16_t port = port_of(socket);
    if (!send_byte(stray_.get(), mapped_loopback(), port, 's') ||
        !send_byte(open_.get(), mapped_loopback(), port, 'o'))
      return '!';
    return receive_byte(socket);
  }
  [[nodiscard]] int sent_once(std::uint16_t port) const {
    const int made = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool sent = send_byte(made, mapped_loopback(), port, 'x');
    return sent == (port == port_of(open_.get())) ? made : -1;
  }
  static void replace(KernelPlanes& planes, const CgroupBpfPlan& wanted) {
    SandboxPlan plan;
    plan.cgroup_bpf = wanted;
    const Status replaced =
        planes.replace_rules({.plan = &plan, .more = {}}, {.plan = &plan, .more = {}});
    ASSERT_TRUE(replaced) << replaced.error().message();
  }
  UniqueFd open_;
  UniqueFd stray_;
  UniqueFd stray_ipv6_;
};

// SECURITY: udp-answers.
TEST_F(Incoming, AnUnboundSocketTakesAnswersAlone) {
  const Act after_sending = [this] { return first_of(sent_once(port_of(open_.get()))); };
  const Act after_a_refusal = [this] { return first_of(sent_once(port_of(stray_.get()))); };
  EXPECT_EQ(run_unlabelled(after_sending), 's');
  auto planes = attach(to_open());
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside(after_sending), 'o');
  EXPECT_EQ(inside(after_a_refusal), 'o');
  std::vector<AuditRecord> records;
  planes->drain([&records](const AuditRecord& record) { records.push_back(record); });
  ASSERT_EQ(records.size(), 3U);  // one of the call that was refused
  const std::string stray = "udp://127.0.0.1:" + std::to_string(port_of(stray_.get()));
  EXPECT_EQ(records[0].call, "receive");
  EXPECT_EQ(records[0].object, stray);
  EXPECT_EQ(records[0].mend, "[network] connect += [\"" + stray + "\"]");
}

TEST_F(Incoming, WhereItMayListenEverybodyIsHeard) {
  const std::uint16_t port = free_port(SOCK_DGRAM);
  const auto planes =
      attach(listening({endpoint_rule(EndpointScheme::udp, "127.0.0.1", 32, port)}));
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside([&] { return first_of(bound(SOCK_DGRAM, mapped_loopback(), port)); }), 's');
}

// As an established connection outlives its rule.
TEST_F(Incoming, AConnectedSocketKeepsItsPeer) {
  const CgroupBpfPlan plan = to_open();
  auto planes = attach(plan);
  ASSERT_TRUE(planes) << planes.error().message();
  std::array<int, 2> go{};
  std::array<int, 2> connected{};
  ASSERT_TRUE(::pipe2(go.data(), O_CLOEXEC) == 0 && ::pipe2(connected.data(), O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(inside([&] {
      const int made = ::socket(AF_INET6, SOCK_DGRAM, 0);
      const sockaddr_in6 to = at(mapped_loopback(), port_of(open_.get()));
      if (::connect(made, as_sockaddr(to), sizeof to) != 0) return 1;
      char byte = 'c';
      if (::write(connected[1], &byte, 1) != 1 || ::read(go[0], &byte, 1) != 1) return 2;
      if (first_of(made) != 'o') return 3;
      sockaddr none{};
      if (::connect(made, &none, sizeof none) != 0) return 4;
      const int again = sent_once(port_of(stray_.get()));  // gets a port without leave
      send_byte(open_.get(), mapped_loopback(), port_of(again), 'o');
      pollfd watched{.fd = again, .events = POLLIN, .revents = 0};
      return ::poll(&watched, 1, 100) == 0 ? 0 : 5;
    }));
  }
  char byte = 0;
  ASSERT_EQ(::read(connected[0], &byte, 1), 1);
  CgroupBpfPlan later = plan;
  later.connect = {endpoint_rule(EndpointScheme::udp, "127.0.0.2", 32, 1)};
  replace(*planes, later);
  ASSERT_EQ(::write(go[1], &byte, 1), 1);
  EXPECT_EQ(wait_status(child), 0);
}

// SECURITY: listen-both.
TEST_F(Incoming, ADatagramSocketOfIpv6TakesIpv4ByItsOwnRule) {
  const std::uint16_t port = free_port(SOCK_DGRAM);
  const Act which = [&] {
    const int made = bound(SOCK_DGRAM, in6addr_any, port);
    if (!send_byte(stray_.get(), mapped_loopback(), port, '4') ||
        !send_byte(stray_ipv6_.get(), in6addr_loopback, port, '6'))
      return 1;
    return static_cast<int>(receive_byte(made));
  };
  EXPECT_EQ(run_unlabelled(which), '4');
  const auto planes = attach(listening({ipv6_rule(EndpointScheme::udp, port)}));
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside(which), '6');
}

TEST_F(Incoming, ADatagramSocketOfIpv6TakesIpv4WithBothRules) {
  const std::uint16_t port = free_port(SOCK_DGRAM);
  const auto planes = attach(listening({ipv6_rule(EndpointScheme::udp, port),
                                        endpoint_rule(EndpointScheme::udp, "0.0.0.0", 32, port)}));
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside([&] { return first_of(bound(SOCK_DGRAM, in6addr_any, port)); }), 's');
}

// A client of each version: which of them a listener at :: of the cgroup gets.
class IncomingStreams : public Incoming {
 protected:
  void SetUp() override {
    Incoming::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    port_ = free_port(SOCK_STREAM);
  }
  [[nodiscard]] int connected(const in6_addr& to) const {
    const UniqueFd client(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const sockaddr_in6 where = at(to, port_);
    static_cast<void>(::connect(client.get(), as_sockaddr(where), sizeof where));
    pollfd watched{.fd = client.get(), .events = POLLOUT, .revents = 0};
    return ::poll(&watched, 1, 300) == 1 && (watched.revents & POLLERR) == 0 ? 1 : 0;
  }
  // 1: IPv4, 2: IPv6. The clients are another process, outside.
  [[nodiscard]] int served() const {
    std::array<int, 2> told{};
    if (::pipe2(told.data(), O_CLOEXEC) != 0) return 99;
    const pid_t server = ::fork();
    if (server == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      enter();
      const int made = bound(SOCK_STREAM, in6addr_any, port_);
      if (::listen(made, 8) != 0 || ::write(told[1], "l", 1) != 1) ::_exit(1);
      ::pause();
    }
    const ScopeExit ended([&] {
      ::kill(server, SIGKILL);
      ::waitpid(server, nullptr, 0);
      ::close(told[0]);
    });
    ::close(told[1]);
    char byte = 0;
    if (::read(told[0], &byte, 1) != 1) return 98;
    return connected(mapped_loopback()) | connected(in6addr_loopback) << 1;
  }
  std::uint16_t port_ = 0;
};

TEST_F(IncomingStreams, AListenerOfIpv6TakesIpv4ByItsOwnRule) {
  auto planes = attach(listening({ipv6_rule(EndpointScheme::tcp, port_)}));
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(served(), 2);
  std::vector<AuditRecord> records;
  planes->drain([&records](const AuditRecord& record) { records.push_back(record); });
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records[0].mend,
            "[network] listen += [\"tcp://0.0.0.0:" + std::to_string(port_) + "\"]");
}

TEST_F(IncomingStreams, AListenerOfIpv6TakesIpv4WithBothRules) {
  const auto planes = attach(listening({ipv6_rule(EndpointScheme::tcp, port_),
                                        endpoint_rule(EndpointScheme::tcp, "0.0.0.0", 32, port_)}));
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(served(), 3);
}

// SECURITY: connect-any. What the kernel takes for a loopback needs the rules of both.
TEST_F(Incoming, ToConnectToAnyAddressNeedsIpv4Too) {
  CgroupBpfPlan plan;
  plan.attached = true;
  plan.connect = {ipv6_rule(EndpointScheme::tcp, kOpenPort),
                  ipv6_rule(EndpointScheme::udp, kOpenPort)};
  const auto to_any = [](int type) {
    return [type] {
      const int made = ::socket(AF_INET6, type, 0);
      const sockaddr_in6 to = at(in6addr_any, kOpenPort);
      const int error = outcome(::connect(made, as_sockaddr(to), sizeof to) != 0);
      return error == ECONNREFUSED ? 0 : error;
    };
  };
  auto planes = attach(plan);
  ASSERT_TRUE(planes) << planes.error().message();
  EXPECT_EQ(inside(to_any(SOCK_STREAM)), EPERM);
  EXPECT_EQ(inside(to_any(SOCK_DGRAM)), EPERM);
  for (const EndpointScheme scheme : {EndpointScheme::tcp, EndpointScheme::udp})
    plan.connect.add(endpoint_rule(scheme, "127.0.0.1", 32, kOpenPort));
  replace(*planes, plan);
  EXPECT_EQ(inside(to_any(SOCK_STREAM)), 0);
  EXPECT_EQ(inside(to_any(SOCK_DGRAM)), 0);
}

}  // namespace
}  // namespace yett::test
