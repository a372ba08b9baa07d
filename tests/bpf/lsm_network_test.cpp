// INET endpoints and socket families under BPF LSM, by every call that names an address.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/bpf/control_data.hpp"
#include "tests/bpf/labelled_task.hpp"

namespace yett::test {
namespace {

constexpr std::uint16_t kOpenPort = 4001;
constexpr std::uint16_t kShutPort = 4002;

sockaddr_in address(std::uint16_t port, int family = AF_INET) {
  sockaddr_in result{};
  result.sin_family = static_cast<sa_family_t>(family);
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

sockaddr_in6 mapped_address(std::uint16_t port) {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  result.sin6_port = htons(port);
  ::inet_pton(AF_INET6, "::ffff:127.0.0.1", &result.sin6_addr);
  return result;
}

template <typename Address>
const sockaddr* as_sockaddr(const Address& value) {
  return reinterpret_cast<const sockaddr*>(&value);
}

// A refusal of the kernel's own, because nobody listens, means that ours let it pass.
int passed_as_zero(int error) { return error == ECONNREFUSED || error == EINPROGRESS ? 0 : error; }

int connect_to(int type, std::uint16_t port) {
  const int fd = ::socket(AF_INET, type, 0);
  const sockaddr_in to = address(port);
  return passed_as_zero(outcome(::connect(fd, as_sockaddr(to), sizeof to) != 0));
}

int connect_mapped(int type, std::uint16_t port) {
  const int fd = ::socket(AF_INET6, type, 0);
  const sockaddr_in6 to = mapped_address(port);
  return passed_as_zero(outcome(::connect(fd, as_sockaddr(to), sizeof to) != 0));
}

int send_to(std::uint16_t port, int family) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const sockaddr_in to = address(port, family);
  return outcome(::sendto(fd, "x", 1, 0, as_sockaddr(to), sizeof to) != 1);
}

int fast_open(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in to = address(port);
  return passed_as_zero(
      outcome(::sendto(fd, "x", 1, MSG_FASTOPEN, as_sockaddr(to), sizeof to) != 1));
}

int bind_to(int type, std::uint16_t port, int family = AF_INET) {
  const int fd = ::socket(AF_INET, type, 0);
  sockaddr_in at = address(port, family);
  if (family == AF_UNSPEC) at.sin_addr.s_addr = 0;
  return outcome(::bind(fd, as_sockaddr(at), sizeof at) != 0);
}

int listen_unbound() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  return outcome(::listen(fd, 1) != 0);
}

int bind_and_listen() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = address(kOpenPort);
  if (::bind(fd, as_sockaddr(at), sizeof at) != 0) return errno;
  return outcome(::listen(fd, 1) != 0);
}

class LsmNetwork : public LsmTest {
 protected:
  void SetUp() override {
    LsmTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    ASSERT_EQ(::ioctl(fd, SIOCSIFFLAGS, &request), 0);
    ::close(fd);
  }
  static LsmPlan ruled_plan() {
    LsmPlan plan = plain_plan();
    plan.connect = {endpoint_rule(EndpointScheme::tcp, "127.0.0.0", 8, kOpenPort),
                    endpoint_rule(EndpointScheme::udp, "127.0.0.1", 32, kOpenPort)};
    plan.listen = {endpoint_rule(EndpointScheme::tcp, "127.0.0.1", 32, kOpenPort)};
    return plan;
  }
  static int under_rules(const Act& act) { return run_labelled(ruled_plan(), act).result; }
};

TEST_F(LsmNetwork, ConnectionsFollowTheRules) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    EXPECT_EQ(under_rules([type] { return connect_to(type, kOpenPort); }), 0) << type;
    EXPECT_EQ(under_rules([type] { return connect_to(type, kShutPort); }), EACCES) << type;
    EXPECT_EQ(under_rules([type] { return connect_mapped(type, kOpenPort); }), 0) << type;
    EXPECT_EQ(under_rules([type] { return connect_mapped(type, kShutPort); }), EACCES) << type;
  }
}

TEST_F(LsmNetwork, ARefusedConnectionIsToldWithItsMend) {
  const LabelledRun run =
      run_labelled(ruled_plan(), [] { return connect_to(SOCK_STREAM, kShutPort); });
  ASSERT_EQ(run.records.size(), 1U);
  EXPECT_EQ(run.records[0].call, "connect");
  EXPECT_EQ(run.records[0].object, "tcp://127.0.0.1:4002");
  EXPECT_EQ(run.records[0].mend, "[network] connect += [\"tcp://127.0.0.1:4002\"]");
  EXPECT_EQ(run.records[0].error, EACCES);
}

TEST_F(LsmNetwork, AddressedSendsFollowTheRules) {
  for (const int family : {AF_INET, AF_UNSPEC}) {
    EXPECT_EQ(under_rules([family] { return send_to(kOpenPort, family); }), 0) << family;
    EXPECT_EQ(under_rules([family] { return send_to(kShutPort, family); }), EACCES) << family;
  }
  EXPECT_EQ(under_rules([] { return fast_open(kOpenPort); }), 0);
  EXPECT_EQ(under_rules([] { return fast_open(kShutPort); }), EACCES);
}

// SECURITY: source-routes.
TEST_F(LsmNetwork, ControlDataNamesNoOtherAddress) {
  const auto with_options = [](int family, bool by_connect) {
    return [=] {
      return send_with_control(family, kOpenPort, IPPROTO_IP, IP_RETOPTS, kNoOperations,
                               by_connect);
    };
  };
  for (const int family : {AF_INET, AF_INET6})
    for (const bool by_connect : {false, true}) {
      EXPECT_EQ(under_rules(with_options(family, by_connect)), EACCES) << family;
      EXPECT_EQ(run_unlabelled(with_options(family, by_connect)), 0) << family;
    }
  // The kernel may refuse this by itself, with another errno.
  EXPECT_EQ(under_rules([] {
              return send_with_control(AF_INET6, kOpenPort, IPPROTO_IPV6, IPV6_RTHDR,
                                       segment_route());
            }),
            EACCES);
  const OptionBytes lifetime{64, 0, 0, 0};
  EXPECT_EQ(under_rules([&] {
              return send_with_control(AF_INET, kOpenPort, IPPROTO_IP, IP_TTL, lifetime);
            }),
            0);
}

TEST_F(LsmNetwork, ListeningFollowsTheRules) {
  EXPECT_EQ(under_rules([] { return bind_and_listen(); }), 0);
  EXPECT_EQ(under_rules([] { return bind_to(SOCK_STREAM, kShutPort); }), EACCES);
  EXPECT_EQ(under_rules([] { return bind_to(SOCK_DGRAM, kOpenPort); }), EACCES);
  EXPECT_EQ(under_rules([] { return bind_to(SOCK_STREAM, kOpenPort, AF_UNSPEC); }), EACCES);
  EXPECT_EQ(run_unlabelled([] { return bind_to(SOCK_STREAM, kOpenPort, AF_UNSPEC); }), 0);
}

EndpointRule any_ipv6_rule() {
  EndpointRule rule = endpoint_rule(EndpointScheme::tcp, "0.0.0.0", 32, kOpenPort);
  rule.is_ipv6 = true;
  rule.host = "::";
  rule.prefix_length = 128;
  return rule;
}

// SECURITY: listen-both.
TEST_F(LsmNetwork, AListenerOfIpv6TakesIpv4ByItsOwnRule) {
  const auto listen_at_any = [](int only_ipv6) {
    return [only_ipv6] {
      const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6);
      sockaddr_in6 at{};
      at.sin6_family = AF_INET6;
      at.sin6_port = htons(kOpenPort);
      if (::bind(fd, as_sockaddr(at), sizeof at) != 0) return 199;
      return outcome(::listen(fd, 1) != 0);
    };
  };
  LsmPlan plan = plain_plan();
  plan.listen = {any_ipv6_rule()};
  EXPECT_EQ(run_labelled(plan, listen_at_any(1)).result, 0);
  EXPECT_EQ(run_labelled(plan, listen_at_any(0)).result, EACCES);
  plan.listen.add(endpoint_rule(EndpointScheme::tcp, "0.0.0.0", 32, kOpenPort));
  EXPECT_EQ(run_labelled(plan, listen_at_any(0)).result, 0);
}

// SECURITY: connect-any.
TEST_F(LsmNetwork, ToConnectToAnyAddressNeedsIpv4Too) {
  const Act to_any = [] {
    const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(kOpenPort);
    return passed_as_zero(outcome(::connect(fd, as_sockaddr(to), sizeof to) != 0));
  };
  LsmPlan plan = plain_plan();
  plan.connect = {any_ipv6_rule()};
  EXPECT_EQ(run_labelled(plan, to_any).result, EACCES);
  plan.connect.add(endpoint_rule(EndpointScheme::tcp, "127.0.0.1", 32, kOpenPort));
  EXPECT_EQ(run_labelled(plan, to_any).result, 0);
}

// SECURITY: listen_without_bind.
TEST_F(LsmNetwork, AnUnboundSocketDoesNotListen) {
  EXPECT_EQ(under_rules(listen_unbound), EACCES);
  EXPECT_EQ(run_labelled(plain_plan(), listen_unbound).result, 0);
}

TEST_F(LsmNetwork, WithoutANetworkEveryEndpointIsRefused) {
  LsmPlan plan = plain_plan();
  plan.deny_network = true;
  EXPECT_EQ(run_labelled(plan, [] { return connect_to(SOCK_STREAM, kOpenPort); }).result, EACCES);
  EXPECT_EQ(run_labelled(plan, [] { return send_to(kOpenPort, AF_INET); }).result, EACCES);
  EXPECT_EQ(run_labelled(plan, [] { return bind_to(SOCK_STREAM, kOpenPort); }).result, EACCES);
  EXPECT_EQ(run_labelled(plan, listen_unbound).result, EACCES);
  EXPECT_EQ(run_labelled(plain_plan(), [] { return connect_to(SOCK_STREAM, kOpenPort); }).result,
            0);
}

TEST_F(LsmNetwork, OnlyOrdinaryFamiliesHaveSockets) {
  const auto make = [](int family, int type) {
    return [family, type] { return outcome(::socket(family, type, 0) < 0); };
  };
  for (const int family : {AF_UNIX, AF_INET, AF_INET6})
    EXPECT_EQ(run_labelled(plain_plan(), make(family, SOCK_DGRAM)).result, 0) << family;
  for (const int family : {AF_NETLINK, AF_PACKET})
    EXPECT_EQ(run_labelled(plain_plan(), make(family, SOCK_RAW)).result, EACCES) << family;
  EXPECT_EQ(run_unlabelled(make(AF_NETLINK, SOCK_RAW)), 0);
}

}  // namespace
}  // namespace yett::test
