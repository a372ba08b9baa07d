#include "supervisor/broker/host_route.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

struct RouteQuestion {
  nlmsghdr header{};
  rtmsg route{};
  rtattr attribute{};
  std::array<std::uint8_t, 16> address{};
};

RouteQuestion question_about(const DnsAddress& address) {
  const std::size_t bytes = address.is_ipv6 ? 16 : 4;
  RouteQuestion question;
  question.header.nlmsg_len = static_cast<std::uint32_t>(offsetof(RouteQuestion, address) + bytes);
  question.header.nlmsg_type = RTM_GETROUTE;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.route.rtm_family = address.is_ipv6 ? AF_INET6 : AF_INET;
  question.route.rtm_dst_len = static_cast<unsigned char>(8 * bytes);
  question.attribute.rta_type = RTA_DST;
  question.attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(bytes));
  question.address = address.bytes;
  return question;
}

bool leads_here(std::span<const char> answer) {
  nlmsghdr header{};
  rtmsg route{};
  if (answer.size() < NLMSG_HDRLEN + sizeof route) return true;
  std::memcpy(&header, answer.data(), sizeof header);
  if (header.nlmsg_type == NLMSG_ERROR) return false;  // there is no route
  std::memcpy(&route, answer.data() + NLMSG_HDRLEN, sizeof route);
  return header.nlmsg_type != RTM_NEWROUTE || route.rtm_type == RTN_LOCAL ||
         route.rtm_type == RTN_BROADCAST || route.rtm_type == RTN_ANYCAST;
}

// Routes to elsewhere come and go by the thousand on a host that routes for others. Rules, which
// order the tables, are seldom changed.
bool may_lead_here(std::span<const char> messages) {
  while (messages.size() >= NLMSG_HDRLEN) {
    nlmsghdr header{};
    std::memcpy(&header, messages.data(), sizeof header);
    const std::size_t length = NLMSG_ALIGN(header.nlmsg_len);
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > messages.size()) return true;
    const bool goes = header.nlmsg_type == RTM_DELROUTE;
    if (!goes && leads_here(messages.first(header.nlmsg_len))) return true;
    messages = messages.subspan(std::min(length, messages.size()));
  }
  return false;
}

}  // namespace

bool is_of_this_host(const DnsAddress& address) {
  const UniqueFd routes(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  const RouteQuestion question = question_about(address);
  if (!routes.valid() || ::send(routes.get(), &question, question.header.nlmsg_len, 0) < 0)
    return true;
  std::array<char, 4096> answer;
  // The kernel answers within send.
  const ssize_t size = ::recv(routes.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  return size < 0 || leads_here(std::span(answer).first(static_cast<std::size_t>(size)));
}

Result<UniqueFd> watch_host_routes() {
  UniqueFd watch(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE;
  if (!watch.valid() ||
      ::bind(watch.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(errno_error("watch", "routes of the host"));
  constexpr int kRulesOfIpv6 = RTNLGRP_IPV6_RULE;
  if (::setsockopt(watch.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &kRulesOfIpv6,
                   sizeof kRulesOfIpv6) != 0)
    return fail(errno_error("watch", "routes of the host"));
  return watch;
}

bool take_route_changes(BorrowedFd watch) {
  bool changed = false;
  std::array<char, 8192> messages;
  constexpr int kBatch = 256;  // the rest has its turn later
  for (int i = 0; i < kBatch; ++i) {
    const ssize_t size = ::recv(watch.get(), messages.data(), messages.size(), 0);
    // ENOBUFS: some were lost.
    if (size < 0) return changed || errno == ENOBUFS;
    changed |= may_lead_here(std::span(messages).first(static_cast<std::size_t>(size)));
  }
  return changed;
}

}  // namespace yett
