// Which plane holds the network rules of a plan, and what is refused where none can.
#include <gtest/gtest.h>

#include "sandbox/plan/planner.hpp"
#include "tests/unit/plan_case.hpp"

namespace yett {
namespace {

using test::kListen;
using test::mount_at;
using test::rule_named;
using Case = test::PlanCase;

TEST(PlanNetwork, NoneIsItsOwnNamespace) {
  const SandboxPlan plan = Case{}.made();
  EXPECT_EQ(plan.namespaces.network, NetworkNamespace::fresh);
  EXPECT_FALSE(plan.cgroup.wanted);
  EXPECT_FALSE(plan.broker.sockets);
}

TEST(PlanNetwork, NoneWithRulesIsLentSockets) {
  Case test{.policy = "[network]\nconnect=['tcp://10.0.0.0/8:80', 'tcp://api.example.com:443']"};
  const SandboxPlan plan = test.made();
  EXPECT_EQ(plan.namespaces.network, NetworkNamespace::fresh);
  EXPECT_TRUE(plan.broker.sockets);
  EXPECT_TRUE(plan.cgroup_bpf.attached);
  EXPECT_TRUE(plan.cgroup.wanted);
  EXPECT_EQ(rule_named(plan, "socket")->otherwise, SyscallAction::notify);
  EXPECT_EQ(rule_named(plan, "listen")->action, SyscallAction::notify);
  EXPECT_EQ(rule_named(plan, "connect")->action, SyscallAction::allow);
  EXPECT_EQ(plan.broker.names.size(), 1U);
  EXPECT_EQ(plan.cgroup_bpf.connect.size(), 2U);  // the network, and the name server
  EXPECT_TRUE(mount_at(plan, "/etc/resolv.conf")->content.starts_with("nameserver 127."));
  test.features.cgroup_bpf.usable = false;
  EXPECT_TRUE(test.error().starts_with("p.toml:2:33: network.connect tcp://api.example.com:443"));
  test.policy = "[network]\nconnect=['tcp://10.0.0.0/8:80']";
  EXPECT_TRUE(
      test.error().starts_with("p.toml:2:10: network rule tcp://10.0.0.0/8:80: the sandbox "
                               "has no network, and sockets from outside need cgroup-BPF"));
}

TEST(PlanNetwork, HostRulesGoToCgroupBpf) {
  const SandboxPlan plan = Case{.policy = kListen}.made();
  EXPECT_TRUE(plan.cgroup_bpf.attached);
  EXPECT_TRUE(plan.cgroup.wanted);
  EXPECT_EQ(plan.cgroup_bpf.listen.size(), 1U);
  EXPECT_TRUE(plan.cgroup_bpf.connect.empty());
}

TEST(PlanNetwork, WithoutCgroupBpfTcpPortsGoToLandlock) {
  Case test{.policy = kListen};
  test.features.cgroup_bpf.usable = false;
  const SandboxPlan plan = test.made();
  EXPECT_EQ(plan.landlock.handled_net, 3U);
  EXPECT_EQ(plan.landlock.bind_ports, std::vector<std::uint16_t>{6379});
  EXPECT_LT(rule_named(plan, "socket")->when.size(),
            rule_named(Case{}.made(), "socket")->when.size());
  EXPECT_EQ(rule_named(plan, "listen")->action, SyscallAction::notify);
  EXPECT_TRUE(plan.broker.listens);
  EXPECT_EQ(plan.broker.listen.size(), 1U);
  for (const char* sends : {"sendto", "sendmsg", "sendmmsg"}) {
    EXPECT_EQ(rule_named(plan, sends)->when.size(), 1U) << sends;
    EXPECT_EQ(rule_named(plan, sends)->otherwise, SyscallAction::refuse) << sends;
  }
  test.policy = "[network]\nmode='host'\nlisten=['tcp://127.0.0.1:6379']";
  EXPECT_TRUE(test.error().starts_with("p.toml:3:9: network.listen tcp://127.0.0.1:6379: neither"));
  test.policy = kListen;
  test.features.landlock_abi = 3;
  EXPECT_TRUE(test.error().starts_with("--net host: no plane here"));
}

TEST(PlanNetwork, BpfLsmAloneHoldsNoDatagrams) {
  Case test{.policy = "[network]\nmode='host'\nconnect=['tcp://10.0.0.1:80', 'udp://10.0.0.1:53']"};
  test.features.cgroup_bpf.usable = false;
  test.features.bpf_lsm.usable = true;
  EXPECT_EQ(test.error(),
            "p.toml:3:31: network.connect udp://10.0.0.1:53: cgroup-BPF, which is missing here, "
            "alone sees who sends datagrams (mount cgroup v2, or use TCP; see yett doctor)");
  test.policy = "[network]\nmode='host'\nconnect=['tcp://10.0.0.1:80']";
  EXPECT_EQ(test.made().lsm.connect.size(), 1U);
}

TEST(PlanNetwork, LocalhostIsTwoAddressesOtherNamesAreLookedUp) {
  EXPECT_EQ(Case{.policy = "[network]\nmode='host'\nconnect=['tcp://localhost:80']"}
                .made()
                .cgroup_bpf.connect.size(),
            2U);
  Case named{.policy = "[network]\nmode='host'\nconnect=['tcp://example.com:80']"};
  const SandboxPlan plan = named.made();
  EXPECT_FALSE(plan.broker.sockets);
  EXPECT_EQ(plan.broker.names.size(), 1U);
  EXPECT_EQ(plan.broker.name_server >> 22, 0x7F400000U >> 22);
  // By TCP another service of the host may listen there.
  ASSERT_EQ(plan.cgroup_bpf.connect.size(), 1U);
  EXPECT_EQ(plan.cgroup_bpf.connect[0].scheme, EndpointScheme::udp);
  named.features.cgroup_bpf.usable = false;
  EXPECT_EQ(named.error(),
            "p.toml:3:10: network.connect tcp://example.com:80: host names need cgroup-BPF, which "
            "is missing here (write the address)");
  EXPECT_EQ(Case{.policy = "[network]\nlisten=['tcp://example.com:80']"}.error(),
            "p.toml:2:9: network.listen tcp://example.com:80: a name is no place to listen at "
            "(write the address)");
}

TEST(PlanNetwork, PrivateIsToldToBeMissing) {
  EXPECT_EQ(
      Case{.policy = "[network]\nmode='private'"}.error(),
      "p.toml: [network] mode = \"private\": private networks are not there yet (use \"none\" "
      "or \"host\")");
}

}  // namespace
}  // namespace yett
