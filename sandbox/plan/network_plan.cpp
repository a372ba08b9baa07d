// Network rules: cgroup-BPF holds them, for the host's network and for sockets lent to a sandbox
// that has none of its own. Of the host's network BPF LSM can hold those about TCP alone, or, when
// they speak of TCP ports only, Landlock and the filter together.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.hpp"
#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/profiles/argument_profiles.hpp"

namespace yett {
namespace {

constexpr int kLandlockNetworkAbi = 4;
constexpr std::uint64_t kLandlockTcp = 0x3;  // LANDLOCK_ACCESS_NET_BIND_TCP and _CONNECT_TCP
constexpr std::size_t kMostLandlockPorts = 1024;

std::string name_of(const EndpointRule& rule, std::string_view key) {
  return fmt::format("{}: network.{} {}", rule.source.text(), key, rule.text);
}

bool is_network_rule(const EndpointRule& rule) { return rule.scheme != EndpointScheme::unix_path; }

bool has_network_rules(const NetworkPolicy& network) {
  return std::ranges::any_of(network.connect, is_network_rule) ||
         std::ranges::any_of(network.listen, is_network_rule);
}

// "localhost" is two addresses everywhere.
void add_localhost(const EndpointRule& rule, std::vector<EndpointRule>& addresses) {
  for (const bool ipv6 : {false, true}) {
    EndpointRule address = rule;
    address.is_literal = true;
    address.is_ipv6 = ipv6;
    address.host = ipv6 ? "::1" : "127.0.0.1";
    address.prefix_length = ipv6 ? 128 : 32;
    address.address = {};
    if (ipv6) address.address[15] = 1;
    if (!ipv6) address.address = {127, 0, 0, 1};
    addresses.push_back(std::move(address));
  }
}

bool has_address(const EndpointRule& rule) {
  return is_network_rule(rule) && (rule.is_literal || rule.host == "*");
}

// The rules that speak of addresses. Names are known only when they are looked up: they go to
// `names`, or, where that is null, nowhere.
Result<EndpointList> with_addresses(const EndpointList& rules, std::string_view key,
                                    std::vector<EndpointRule>* names) {
  if (std::ranges::all_of(rules, has_address)) return rules;
  std::vector<EndpointRule> addresses;
  for (const EndpointRule& rule : rules) {
    if (!is_network_rule(rule)) continue;
    if (has_address(rule))
      addresses.push_back(rule);
    else if (rule.host == "localhost")
      add_localhost(rule, addresses);
    else if (names != nullptr)
      names->push_back(rule);
    else
      return fail(host_error(name_of(rule, key),
                             key == "listen" ? "a name is no place to listen at"
                                             : "host names need cgroup-BPF, which is missing here",
                             "write the address"));
  }
  return addresses;
}

SyscallRule* find_reachable(FilterPlan& filter, std::string_view name) {
  const auto rule = std::ranges::find(filter.rules, name, &SyscallRule::name);
  return rule != filter.rules.end() && rule->reachable() ? &*rule : nullptr;
}

// Landlock knows TCP ports, not addresses and not UDP.
Result<std::vector<std::uint16_t>> landlock_ports(const std::vector<EndpointRule>& rules,
                                                  std::string_view key) {
  std::vector<std::uint16_t> ports;
  for (const EndpointRule& rule : rules) {
    const std::size_t count = static_cast<std::size_t>(rule.port_last - rule.port_first) + 1;
    if (rule.scheme != EndpointScheme::tcp || rule.host != "*" ||
        ports.size() + count > kMostLandlockPorts)
      return fail(
          host_error(name_of(rule, key),
                     "neither cgroup-BPF nor BPF LSM works here, and Landlock holds TCP ports only",
                     "write tcp://*:PORT, or see yett doctor"));
    for (std::uint32_t port = rule.port_first; port <= rule.port_last; ++port)
      ports.push_back(static_cast<std::uint16_t>(port));
  }
  return ports;
}

// BPF LSM runs in the calls of the sandbox's own tasks: what comes in from outside is nobody's.
Status place_on_lsm(const std::vector<EndpointRule>& connect,
                    const std::vector<EndpointRule>& listen) {
  for (const auto& [rules, key] : {std::pair{&connect, "connect"}, std::pair{&listen, "listen"}}) {
    const auto udp = std::ranges::find(*rules, EndpointScheme::udp, &EndpointRule::scheme);
    if (udp != rules->end())
      return fail(host_error(name_of(*udp, key),
                             "cgroup-BPF, which is missing here, alone sees who sends datagrams",
                             "mount cgroup v2, or use TCP; see yett doctor"));
  }
  return {};
}

Status place_on_landlock(const PlanInputs& inputs, const EndpointList& connect,
                         const EndpointList& listen, SandboxPlan& plan) {
  if (inputs.features.landlock_abi < kLandlockNetworkAbi)
    return fail(host_error("--net host",
                           "no plane here can hold network rules: cgroup-BPF, BPF LSM and "
                           "Landlock's ports are all missing",
                           "use --net none, or see yett doctor"));
  YETT_TRY(plan.landlock.connect_ports, landlock_ports(connect, "connect"));
  YETT_TRY(plan.landlock.bind_ports, landlock_ports(listen, "listen"));
  plan.landlock.applied = true;
  plan.landlock.handled_net = kLandlockTcp;
  refuse_fast_open(plan.filter);
  listen_by_supervisor(listen, plan);
  SyscallRule* socket = find_reachable(plan.filter, "socket");
  if (socket == nullptr) return {};
  socket->when = stream_socket_conditions();
  socket->reason = "no UDP: no plane of this host could hold its rules";
  return {};
}

}  // namespace

void refuse_fast_open(FilterPlan& filter) {
  for (const CallConditions& call : conditions_without_fast_open()) {
    SyscallRule* rule = find_reachable(filter, call.name);
    if (rule == nullptr) continue;
    rule->when = call.when;
    rule->otherwise = SyscallAction::refuse;
    rule->refuse_errno = EOPNOTSUPP;
    rule->reason = "TCP Fast Open connects past Landlock's rules on ports";
  }
}

// SECURITY(landlock-listen): Landlock has no right for listening, and a socket that was bound by
// nobody gets a port of the kernel's choice.
void listen_by_supervisor(const EndpointList& rules, SandboxPlan& plan) {
  SyscallRule* call = find_reachable(plan.filter, "listen");
  if (call == nullptr) return;
  call->action = SyscallAction::notify;
  call->when = {};
  call->reason = "a socket that was bound by no rule would get a port of the kernel's choice";
  plan.broker.listens = true;
  plan.broker.listen = rules;
}

Status plan_network(const PlanInputs& inputs, SandboxPlan& plan) {
  const NetworkPolicy& network = inputs.policy.network;
  const NetworkMode mode = network.mode.value_or(NetworkMode::none);
  if (mode == NetworkMode::isolated)
    return fail(host_error(inputs.policy.name + ": [network] mode = \"private\"",
                           "private networks are not there yet", "use \"none\" or \"host\""));
  const bool lent = mode == NetworkMode::none;
  const bool is_live =
      inputs.policy.live || (inputs.context.runs != nullptr && inputs.context.runs->broker.sockets);
  if (lent && !has_network_rules(network) && (!is_live || inputs.policy.unrestricted)) return {};
  if (!lent) plan.namespaces.network = NetworkNamespace::host;
  if (!lent && inputs.policy.unrestricted) return {};
  const bool by_cgroup = can_hold_by_cgroup(inputs.features);
  YETT_TRY(auto connect,
           with_addresses(network.connect, "connect", by_cgroup ? &plan.broker.names : nullptr));
  YETT_TRY(const auto listen, with_addresses(network.listen, "listen", nullptr));
  if (lent) YETT_CHECK(lend_sockets(inputs, plan));
  plan_name_server(inputs, plan, connect);
  if (plan.lsm.labelled) {
    plan.lsm.connect = connect;
    plan.lsm.listen = listen;
    plan.lsm.deny_network = connect.empty() && listen.empty();
  }
  if (by_cgroup) {
    plan.cgroup_bpf = {.attached = true, .connect = connect, .listen = listen};
    plan.cgroup.wanted = true;
    return {};
  }
  if (plan.lsm.labelled) return place_on_lsm(connect, listen);
  return place_on_landlock(inputs, connect, listen, plan);
}

}  // namespace yett
