#include "supervisor/broker/udp_owner.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

struct Question {
  nlmsghdr header{};
  inet_diag_req_v2 wanted{};
};

// One socket is looked up as for a packet that comes in: its source is the peer.
Question question_about(const sockaddr_in& local, const sockaddr_in& peer) {
  Question question;
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.wanted.sdiag_family = AF_INET;
  question.wanted.sdiag_protocol = IPPROTO_UDP;
  question.wanted.idiag_states = ~0U;
  question.wanted.id.idiag_sport = peer.sin_port;
  question.wanted.id.idiag_src[0] = peer.sin_addr.s_addr;
  question.wanted.id.idiag_dport = local.sin_port;
  question.wanted.id.idiag_dst[0] = local.sin_addr.s_addr;
  question.wanted.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.wanted.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

std::optional<uid_t> read_owner(std::span<const char> answer, in_port_t port) {
  nlmsghdr header{};
  inet_diag_msg found{};
  if (answer.size() < NLMSG_HDRLEN + sizeof found) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof header);
  std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof found);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || found.id.idiag_sport != port) return std::nullopt;
  return found.idiag_uid;
}

}  // namespace

std::optional<uid_t> find_udp_owner(const sockaddr_in& local, const sockaddr_in& peer) {
  const UniqueFd kernel(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const Question question = question_about(local, peer);
  if (!kernel.valid() || ::send(kernel.get(), &question, sizeof question, 0) < 0)
    return std::nullopt;
  std::array<char, 4096> answer;
  // The kernel answers within send.
  const ssize_t size = ::recv(kernel.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (size < 0) return std::nullopt;
  return read_owner(std::span(answer).first(static_cast<std::size_t>(size)), local.sin_port);
}

}  // namespace yett
