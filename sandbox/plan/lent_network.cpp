// What a sandbox without a network of its own is lent: sockets made outside, and names.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sandbox/plan/plan_steps.hpp"
#include "sandbox/profiles/argument_profiles.hpp"

namespace yett {
namespace {

// 127.64.0.0/10: far from where anything else listens on a loopback, and wide enough for one
// address for each process number.
constexpr std::uint32_t kFirstNameServer = 0x7F400000;
constexpr std::uint32_t kNameServers = 0x003FFFFF;

bool is_name(const EndpointRule& rule) {
  return rule.scheme != EndpointScheme::unix_path && !rule.is_literal && rule.host != "*" &&
         rule.host != "localhost";
}

std::uint32_t name_server_of(const PlanInputs& inputs) {
  return kFirstNameServer | (inputs.context.identity_seed & kNameServers);
}

std::string dotted(std::uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                     address & 255);
}

// UDP alone: by TCP another of the host's services may listen there, which was told to listen
// everywhere.
EndpointRule name_server_rule(std::uint32_t address) {
  constexpr std::uint16_t kPort = 53;
  EndpointRule rule{.scheme = EndpointScheme::udp,
                    .host = dotted(address),
                    .prefix_length = 32,
                    .is_literal = true,
                    .port_first = kPort,
                    .port_last = kPort};
  for (std::size_t i = 0; i < 4; ++i)
    rule.address[i] = static_cast<std::uint8_t>(address >> (24 - 8 * i));
  rule.text = fmt::format("udp://{}:53", rule.host);
  return rule;
}

// Later rules may name hosts, and the file that names the server cannot come later. On the host's
// network the host's own file stays where no rule names one.
bool keeps_name_server(const PlanInputs& inputs) {
  if (inputs.context.runs != nullptr) return inputs.context.runs->broker.name_server != 0;
  return inputs.policy.live && can_hold_by_cgroup(inputs.features) &&
         inputs.policy.network.mode.value_or(NetworkMode::none) == NetworkMode::none;
}

SyscallRule* find_allowed(SandboxPlan& plan, std::string_view name) {
  const auto rule = std::ranges::find(plan.filter.rules, name, &SyscallRule::name);
  return rule != plan.filter.rules.end() && rule->reachable() ? &*rule : nullptr;
}

// What asks for sockets from outside: a rule, or that later ones may come.
std::string who_asks(const Policy& policy) {
  for (const auto* rules : {&policy.network.connect, &policy.network.listen})
    for (const EndpointRule& rule : *rules)
      if (rule.scheme != EndpointScheme::unix_path)
        return fmt::format("{}: network rule {}", rule.source.text(), rule.text);
  return policy.name + ": live = true";
}

}  // namespace

bool can_hold_by_cgroup(const KernelFeatures& features) {
  return features.cgroup_bpf.usable && !features.cgroup.v2_mount.empty();
}

// SECURITY(lent-sockets): every socket of a network comes from the supervisor, in the sandbox's
// cgroup; the filter makes none.
Status lend_sockets(const PlanInputs& inputs, SandboxPlan& plan) {
  const std::string name = who_asks(inputs.policy);
  if (inputs.policy.unrestricted)
    return fail(request_error(name, "without a filter no socket can come from outside",
                              "write mode = \"host\" in [network], or extend another policy"));
  if (!can_hold_by_cgroup(inputs.features))
    return fail(host_error(name,
                           "the sandbox has no network, and sockets from outside need cgroup-BPF, "
                           "which is missing here",
                           "write mode = \"host\" in [network], or see yett doctor"));
  plan.broker.sockets = true;
  if (SyscallRule* socket = find_allowed(plan, "socket")) {
    socket->when = unix_socket_conditions();
    socket->otherwise = SyscallAction::notify;
    socket->reason = "UNIX sockets are its own; the supervisor lends those of the network";
  }
  if (SyscallRule* listen = find_allowed(plan, "listen")) {
    listen->action = SyscallAction::notify;
    listen->reason = "a socket that was bound by no rule would get a port of the kernel's choice";
  }
  return {};
}

void plan_name_server(const PlanInputs& inputs, SandboxPlan& plan, EndpointList& connect) {
  if (plan.broker.names.empty() && !keeps_name_server(inputs)) return;
  plan.broker.name_server = name_server_of(inputs);
  connect.add(name_server_rule(plan.broker.name_server));
}

void add_name_servers(const PlanInputs& inputs, std::vector<MountEntry>& entries) {
  const NetworkPolicy& network = inputs.policy.network;
  const bool by_rules = std::ranges::any_of(network.connect, is_name);
  if ((by_rules || keeps_name_server(inputs)) && !inputs.policy.unrestricted) {
    entries.push_back(made_up_file("/etc/resolv.conf",
                                   fmt::format("nameserver {}\n", dotted(name_server_of(inputs)))));
    return;
  }
  if (network.mode != NetworkMode::host) return;
  entries.push_back(read_only_bind("/etc/resolv.conf", "/etc/resolv.conf", Executable::no));
  entries.back().optional = true;
}

}  // namespace yett
