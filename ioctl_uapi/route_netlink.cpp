#include "ioctl_uapi/route_netlink.hpp"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <functional>

namespace yett {
namespace {

// A message being written: the header, the request's own struct, and attributes.
class Request {
 public:
  template <typename Body>
  Request(std::uint16_t type, unsigned flags, const Body& body) {
    header_.nlmsg_type = type;
    header_.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    bytes_.resize(NLMSG_HDRLEN);
    append(&body, sizeof body);
  }
  void add(std::uint16_t type, const void* value, std::size_t size) {
    const struct rtattr attribute{.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size)),
                                  .rta_type = type};
    append(&attribute, sizeof attribute);
    append(value, size);
  }
  void add_name(const std::string& name) { add(IFLA_IFNAME, name.c_str(), name.size() + 1); }
  // Whole attributes, padded as they came.
  void append(const void* value, std::size_t size) {
    const auto* from = static_cast<const char*>(value);
    bytes_.insert(bytes_.end(), from, from + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  [[nodiscard]] const std::vector<char>& finish(std::uint32_t sequence) {
    header_.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    header_.nlmsg_seq = sequence;
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    return bytes_;
  }

 private:
  struct nlmsghdr header_{};
  std::vector<char> bytes_;
};

using OnMessage = std::function<void(const struct nlmsghdr&, const char* body, std::size_t size)>;

// One datagram's messages. Nothing: more are to come; else 0 or an errno, the answer's end.
std::optional<int> take_messages(const char* bytes, std::size_t left, std::uint32_t sequence,
                                 const OnMessage& on_message) {
  while (left >= sizeof(struct nlmsghdr)) {
    struct nlmsghdr header{};
    std::memcpy(&header, bytes, sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > left) return EPROTO;
    const char* body = bytes + NLMSG_HDRLEN;
    const std::size_t size = header.nlmsg_len - NLMSG_HDRLEN;
    if (header.nlmsg_seq == sequence && header.nlmsg_type == NLMSG_DONE) return 0;
    if (header.nlmsg_seq == sequence && header.nlmsg_type == NLMSG_ERROR) {
      int error = 0;
      if (size < sizeof error) return EPROTO;
      std::memcpy(&error, body, sizeof error);
      return -error;
    }
    if (header.nlmsg_seq == sequence) on_message(header, body, size);
    const std::size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= left) break;
    bytes += step;
    left -= step;
  }
  return std::nullopt;
}

// 0 or an errno. A request that asks for no acknowledgement and no dump has one message as answer,
// so each asks for one of the two.
int transact(
    BorrowedFd socket, const std::vector<char>& request, std::uint32_t sequence,
    const OnMessage& on_message = [](const auto&, const char*, std::size_t) {}) {
  if (::send(socket.get(), request.data(), request.size(), 0) < 0) return errno;
  alignas(struct nlmsghdr) std::array<char, 64 * 1024> answer{};
  for (;;) {
    const ssize_t got = ::recv(socket.get(), answer.data(), answer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    const auto end =
        take_messages(answer.data(), static_cast<std::size_t>(got), sequence, on_message);
    if (end) return *end;
  }
}

struct ifinfomsg of_link(int link) {
  struct ifinfomsg body{};
  body.ifi_family = AF_UNSPEC;
  body.ifi_index = link;
  return body;
}

// Copies attributes but those that say how long the address is to live (for ever) and, if so asked,
// its label. True: it is permanent.
bool copy_attributes(const struct ifaddrmsg& header, const char* attributes, std::size_t size,
                     LabelsOfAddresses labels, std::vector<char>& into) {
  std::uint32_t flags = header.ifa_flags;
  while (size >= sizeof(struct rtattr)) {
    struct rtattr attribute{};
    std::memcpy(&attribute, attributes, sizeof attribute);
    const std::size_t step = RTA_ALIGN(attribute.rta_len);
    if (attribute.rta_len < sizeof attribute || step > size) break;
    if (attribute.rta_type == IFA_FLAGS && attribute.rta_len >= RTA_LENGTH(sizeof flags))
      std::memcpy(&flags, attributes + RTA_LENGTH(0), sizeof flags);
    const bool left_out = attribute.rta_type == IFA_CACHEINFO ||
                          (attribute.rta_type == IFA_LABEL && labels == LabelsOfAddresses::drop);
    if (!left_out) into.insert(into.end(), attributes, attributes + step);
    attributes += step;
    size -= step;
  }
  return (flags & IFA_F_PERMANENT) != 0;
}

}  // namespace

Result<RouteSocket> RouteSocket::open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return fail(errno_error("socket", "rtnetlink"));
  return RouteSocket(std::move(socket));
}

Result<RouteSocket> RouteSocket::open_in(BorrowedFd network_namespace) {
  const UniqueFd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own.valid()) return fail(errno_error("open", "own network namespace"));
  if (::setns(network_namespace.get(), CLONE_NEWNET) != 0)
    return fail(errno_error("enter", "network namespace"));
  auto opened = open();
  if (::setns(own.get(), CLONE_NEWNET) != 0) return fail(errno_error("leave", "network namespace"));
  return opened;
}

Result<std::optional<int>> RouteSocket::find_link(const std::string& name) {
  Request request(RTM_GETLINK, NLM_F_ACK, of_link(0));
  request.add_name(name);
  ++sequence_;
  std::optional<int> found;
  const int error = transact(socket_.borrow(), request.finish(sequence_), sequence_,
                             [&found](const auto& header, const char* body, std::size_t size) {
                               struct ifinfomsg link{};
                               if (header.nlmsg_type != RTM_NEWLINK || size < sizeof link) return;
                               std::memcpy(&link, body, sizeof link);
                               found = link.ifi_index;
                             });
  if (error != 0 && error != ENODEV)
    return fail(errno_error(error, "look for network device", name));
  return found;
}

Result<std::vector<LinkAddress>> RouteSocket::global_addresses(int link, LabelsOfAddresses labels) {
  Request request(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  ++sequence_;
  std::vector<LinkAddress> addresses;
  const int error = transact(
      socket_.borrow(), request.finish(sequence_), sequence_,
      [&](const auto& message, const char* body, std::size_t size) {
        struct ifaddrmsg header{};
        if (message.nlmsg_type != RTM_NEWADDR || size < sizeof header) return;
        std::memcpy(&header, body, sizeof header);
        if (header.ifa_index != static_cast<std::uint32_t>(link) ||
            header.ifa_scope != RT_SCOPE_UNIVERSE)
          return;
        LinkAddress address{header.ifa_family, header.ifa_prefixlen, header.ifa_scope, {}};
        const std::size_t begin = NLMSG_ALIGN(sizeof header);
        if (copy_attributes(header, body + begin, size - begin, labels, address.attributes))
          addresses.push_back(std::move(address));
      });
  if (error != 0) return fail(errno_error(error, "list addresses"));
  return addresses;
}

Status RouteSocket::move_link(int link, BorrowedFd network_namespace, const std::string& name) {
  Request request(RTM_NEWLINK, NLM_F_ACK, of_link(link));
  const std::int32_t target = network_namespace.get();
  request.add(IFLA_NET_NS_FD, &target, sizeof target);
  request.add_name(name);
  ++sequence_;
  const int error = transact(socket_.borrow(), request.finish(sequence_), sequence_);
  if (error != 0) return fail(errno_error(error, "move network device", name));
  return {};
}

Status RouteSocket::raise_link(int link) {
  struct ifinfomsg body = of_link(link);
  body.ifi_flags = IFF_UP;
  body.ifi_change = IFF_UP;
  Request request(RTM_NEWLINK, NLM_F_ACK, body);
  ++sequence_;
  const int error = transact(socket_.borrow(), request.finish(sequence_), sequence_);
  if (error != 0) return fail(errno_error(error, "raise network device"));
  return {};
}

Status RouteSocket::add_address(int link, const LinkAddress& address) {
  struct ifaddrmsg body{};
  body.ifa_family = address.family;
  body.ifa_prefixlen = address.prefix;
  body.ifa_scope = address.scope;
  body.ifa_index = static_cast<std::uint32_t>(link);
  Request request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body);
  request.append(address.attributes.data(), address.attributes.size());
  ++sequence_;
  const int error = transact(socket_.borrow(), request.finish(sequence_), sequence_);
  // EEXIST: the kernel itself gave the device its address.
  if (error != 0 && error != EEXIST) return fail(errno_error(error, "add address"));
  return {};
}

}  // namespace yett
