#include "supervisor/session/swap_desk.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "ioctl_uapi/peer.hpp"
#include "sandbox/guard/cgroup_change.hpp"
#include "sandbox/policy/policy_diff.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;

Status watch(const UniqueFd& epoll, BorrowedFd fd) {
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0) return {};
  return fail(errno_error("epoll_ctl", "swap requests"));
}

const char* word_of(Direction direction) {
  if (direction == Direction::wider) return "wider";
  return direction == Direction::narrower ? "narrower" : "other";
}

std::vector<std::string> texts_of(const std::vector<PolicyDifference>& differences) {
  constexpr std::size_t kMost = 100;  // of a record and an answer
  std::vector<std::string> texts;
  for (const PolicyDifference& each : differences) {
    if (texts.size() == kMost) {
      texts.push_back("and " + std::to_string(differences.size() - kMost) + " more");
      break;
    }
    texts.push_back(std::string(word_of(each.direction)) + "  " + each.text);
  }
  return texts;
}

SwapReply refusal(const Error& error) {
  SwapReply reply{.error = error.sys_errno > 0 ? error.sys_errno : EINVAL};
  copy_text(error.message(), reply.text);
  return reply;
}

std::uint64_t microseconds_since(Clock::time_point began) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began).count());
}

}  // namespace

SwapDesk::SwapDesk(BorrowedFd socket, const SwappedParts& parts, Policy policy,
                   ReadPolicy read_policy, MakePlan make_plan)
    : socket_(socket),
      parts_(parts),
      policy_(std::move(policy)),
      read_policy_(std::move(read_policy)),
      make_plan_(std::move(make_plan)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Result<std::unique_ptr<SwapDesk>> SwapDesk::open(BorrowedFd socket, const SwappedParts& parts,
                                                 Policy policy, ReadPolicy read_policy,
                                                 MakePlan make_plan) {
  std::unique_ptr<SwapDesk> desk(
      new SwapDesk(socket, parts, std::move(policy), std::move(read_policy), std::move(make_plan)));
  if (!desk->epoll_.valid()) return fail(errno_error("epoll_create", "swap requests"));
  // Whoever knocked may be gone by the time of accept.
  if (::fcntl(socket.get(), F_SETFL, O_RDWR | O_NONBLOCK) != 0)
    return fail(errno_error("fcntl", "swap requests"));
  YETT_CHECK(watch(desk->epoll_, socket));
  return desk;
}

// SECURITY(swap-peer): the socket lies in a directory of root's and is root's alone to use.
void SwapDesk::take_connection() {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid() || !is_peer_root(connection.borrow())) return;
  if (connections_.size() >= kMostConnections) connections_.erase(connections_.begin());
  if (watch(epoll_, connection.borrow())) connections_.push_back(std::move(connection));
}

void SwapDesk::serve() {
  std::array<epoll_event, kMostConnections + 1> events{};
  const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  if (ready <= 0) return;
  std::erase_if(connections_, [this](const UniqueFd& each) { return !answer(each.borrow()); });
  take_connection();
}

bool SwapDesk::answer(BorrowedFd connection) {
  const auto asked = receive_swap_request(connection);
  if (!asked && asked.error().sys_errno == EAGAIN) return true;
  if (!asked) {
    send_swap_reply(connection, refusal(asked.error()));
    return false;
  }
  const auto reply = carry_out(*asked);
  send_swap_reply(connection, reply ? *reply : refusal(reply.error()));
  return false;
}

// SECURITY(swap-whole): until switch_to nothing is touched, and what it does is undone where it
// fails.
Result<SwapReply> SwapDesk::carry_out(const ReceivedSwapRequest& asked) {
  const auto began = Clock::now();
  YETT_TRY(Policy policy, read_policy_(asked.name, asked.text));
  YETT_TRY(SandboxPlan planned, make_plan_(policy));
  const auto wanted = std::make_shared<const SandboxPlan>(std::move(planned));
  YETT_TRY(const PlanChanges changed, compare_with_running(*parts_.started, running(), *wanted));
  YETT_CHECK(switch_to(*wanted, changed));
  const std::string old_hash = running().policy_hash;
  parts_.plans->publish(asked.name, asked.text, wanted);
  const std::uint64_t took = microseconds_since(began);
  plan_ = wanted;
  if (changed.limits && parts_.truth != nullptr) parts_.truth->take_limits(wanted);
  const std::vector<std::string> changes = texts_of(diff_policies(policy_, policy));
  policy_ = std::move(policy);
  parts_.audit->write_swap({.sandbox = wanted->sandbox,
                            .policy_name = wanted->policy_name,
                            .policy_file = wanted->policy_file,
                            .old_hash = old_hash,
                            .new_hash = wanted->policy_hash,
                            .took_us = took,
                            .changes = changes});
  SwapReply reply{.took_us = static_cast<std::uint32_t>(took)};
  copy_text(old_hash, reply.old_hash);
  copy_text(wanted->policy_hash, reply.new_hash);
  std::string lines;
  for (const std::string& change : changes) lines += change + "\n";
  copy_text(lines, reply.text);
  return reply;
}

// Limits first: they go back to what they were where the rest fails.
Status SwapDesk::switch_to(const SandboxPlan& wanted, const PlanChanges& changed) const {
  std::optional<CgroupChange> limits;
  if (changed.limits && parts_.cgroup != nullptr) {
    YETT_TRY(CgroupChange made,
             CgroupChange::apply(parts_.cgroup->directories(), running().cgroup, wanted.cgroup));
    limits.emplace(std::move(made));
  }
  if (changed.network || changed.names) YETT_CHECK(switch_network(wanted));
  if (limits) limits->keep();
  return {};
}

Status SwapDesk::switch_network(const SandboxPlan& wanted) const {
  std::optional<NameBindings> bindings;
  KernelPlanes::Rules before{.plan = &running(), .more = {}};
  KernelPlanes::Rules after{.plan = &wanted, .more = {}};
  if (parts_.names != nullptr) {
    bindings = parts_.names->bindings_for(wanted.broker.names);
    before.more = parts_.names->rules();
    after.more = bindings->rules();
  }
  if (parts_.planes != nullptr) YETT_CHECK(parts_.planes->replace_rules(before, after));
  if (bindings) parts_.names->take_bindings(*std::move(bindings));
  return {};
}

}  // namespace yett
