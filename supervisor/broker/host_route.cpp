#include "supervisor/broker/host_route.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
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

}  // namespace yett
