// What leaves the sandbox's sockets, packet by packet: the program that no control data gets by.
#include <bpf/bpf.h>

#include <array>
#include <chrono>

#include "tests/bpf/cgroup_fixture.hpp"
#include "tests/bpf/control_data.hpp"

namespace yett::test {
namespace {

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86DD;

// An Ethernet frame around the packet, as the kernel's test run wants it.
std::vector<std::uint8_t> frame_of(std::uint16_t protocol, const OptionBytes& packet) {
  std::vector<std::uint8_t> frame(12, 0);
  frame.push_back(static_cast<std::uint8_t>(protocol >> 8));
  frame.push_back(static_cast<std::uint8_t>(protocol));
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

OptionBytes ipv4_packet(std::uint8_t version_and_length, std::uint8_t protocol) {
  OptionBytes packet(60, 0);
  packet[0] = version_and_length;
  packet[9] = protocol;
  return packet;
}

OptionBytes ipv6_packet(std::uint8_t next, std::uint8_t after_next = 0, std::uint8_t length = 0) {
  OptionBytes packet(80, 0);
  packet[0] = 0x60;
  packet[6] = next;
  packet[40] = after_next;
  packet[41] = length;
  return packet;
}

class Packets : public CgroupBpf {
 protected:
  // All UDP and TCP endpoints are allowed: what is refused is refused for the packet's sake.
  static CgroupBpfPlan open_plan() {
    CgroupBpfPlan plan;
    plan.attached = true;
    for (const EndpointScheme scheme : {EndpointScheme::tcp, EndpointScheme::udp})
      plan.connect.add(endpoint_rule(scheme, "*", 0, kOpenPort));
    return plan;
  }
  static Act unprivileged(const Act& act) {
    return [act] { return drop_privileges() ? act() : 198; };
  }
  // The program that is attached.
  [[nodiscard]] UniqueFd egress() const {
    std::uint32_t flags = 0;
    std::array<std::uint32_t, 4> ids{};
    std::uint32_t count = ids.size();
    EXPECT_EQ(bpf_prog_query(fd_.get(), BPF_CGROUP_INET_EGRESS, 0, &flags, ids.data(), &count), 0);
    EXPECT_EQ(count, 1U);
    return UniqueFd(bpf_prog_get_fd_by_id(ids[0]));
  }
  // 1: let pass; 0: not.
  static std::uint32_t verdict(const UniqueFd& program, std::uint16_t protocol,
                               const OptionBytes& packet) {
    const auto frame = frame_of(protocol, packet);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = 1;
    EXPECT_EQ(bpf_prog_test_run_opts(program.get(), &options), 0) << std::strerror(errno);
    return options.retval;
  }
};

TEST_F(Packets, OnlyThoseOfTcpAndUdpWithNothingInBetween) {
  const auto planes = attach(open_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  const UniqueFd program = egress();
  for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
    EXPECT_EQ(verdict(program, kIpv4, ipv4_packet(0x45, protocol)), 1U);
    EXPECT_EQ(verdict(program, kIpv6, ipv6_packet(protocol)), 1U);
    for (std::uint8_t length = 6; length <= 15; ++length) {
      const auto start = static_cast<std::uint8_t>(0x40 | length);
      EXPECT_EQ(verdict(program, kIpv4, ipv4_packet(start, protocol)), 0U);
    }
    // The wrong version behind the right protocol.
    EXPECT_EQ(verdict(program, kIpv4, ipv4_packet(0x55, protocol)), 0U);
    for (const std::uint8_t header : {IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT})
      EXPECT_EQ(verdict(program, kIpv6, ipv6_packet(header, protocol)), 0U);
  }
  for (const std::uint8_t protocol : {IPPROTO_ICMP, IPPROTO_IPIP, IPPROTO_GRE, IPPROTO_SCTP})
    EXPECT_EQ(verdict(program, kIpv4, ipv4_packet(0x45, protocol)), 0U);
  // A length of more than 64 KiB, and what only looks like one.
  EXPECT_EQ(verdict(program, kIpv6, ipv6_packet(IPPROTO_HOPOPTS, IPPROTO_TCP)), 1U);
  EXPECT_EQ(verdict(program, kIpv6, ipv6_packet(IPPROTO_HOPOPTS, IPPROTO_TCP, 1)), 0U);
  EXPECT_EQ(verdict(program, kIpv6, ipv6_packet(IPPROTO_HOPOPTS, IPPROTO_UDP)), 0U);
  EXPECT_EQ(verdict(program, kIpv6, ipv6_packet(IPPROTO_HOPOPTS, IPPROTO_ROUTING)), 0U);
}

// SECURITY: source-routes.
TEST_F(Packets, OptionsOfDatagramsAreRefusedWhoeverSends) {
  const std::vector<Act> acts{
      [] { return send_with_control(AF_INET, kOpenPort, IPPROTO_IP, IP_RETOPTS, kNoOperations); },
      [] {
        return send_with_control(AF_INET, kOpenPort, IPPROTO_IP, IP_RETOPTS, kNoOperations, true);
      },
      [] { return send_with_control(AF_INET6, kOpenPort, IPPROTO_IP, IP_RETOPTS, kNoOperations); },
      [] { return send_with_option(AF_INET, kOpenPort, IPPROTO_IP, IP_OPTIONS, kNoOperations); },
      [] {
        return send_with_option(AF_INET6, kOpenPort, IPPROTO_IPV6, IPV6_RTHDR, segment_route());
      }};
  auto planes = attach(open_plan());
  ASSERT_TRUE(planes) << planes.error().message();
  for (const Act& act : acts) {
    EXPECT_EQ(inside(unprivileged(act)), EPERM);
    EXPECT_EQ(run_unlabelled(unprivileged(act)), 0);
  }
  for (const int family : {AF_INET, AF_INET6})
    EXPECT_EQ(inside([=] { return send_with_option(family, kOpenPort, 0, 0, {}); }), 0);
  std::vector<AuditRecord> records;
  planes->drain([&records](const AuditRecord& record) { records.push_back(record); });
  ASSERT_EQ(records.size(), acts.size());
  EXPECT_EQ(records[0].call, "packet");
  EXPECT_EQ(records[0].rule, "network.packet_options");
  EXPECT_EQ(records[0].error, EPERM);
}

}  // namespace
}  // namespace yett::test
