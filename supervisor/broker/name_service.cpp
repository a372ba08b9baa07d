#include "supervisor/broker/name_service.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "sandbox/host/read_file.hpp"
#include "supervisor/broker/host_route.hpp"
#include "supervisor/broker/udp_owner.hpp"

namespace yett {
namespace {

// Questions taken before others of the supervisor's events get their turn.
constexpr int kBatch = 64;
// Addresses of one name.
constexpr std::size_t kMostAddresses = 16;

Status watch(const UniqueFd& epoll, const UniqueFd& fd) {
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0) return {};
  return fail(errno_error("epoll_ctl", "name server"));
}

std::vector<DnsAddress> of_family(std::vector<DnsAddress> addresses, std::uint16_t type) {
  std::erase_if(addresses,
                [&](const DnsAddress& each) { return each.is_ipv6 != (type == kDnsAaaa); });
  if (addresses.size() > kMostAddresses) addresses.resize(kMostAddresses);
  return addresses;
}

}  // namespace

NameService::NameService(const BrokerPlan& plan, Hooks hooks)
    : hooks_(std::move(hooks)), bindings_(plan.names) {}

Result<NameService> NameService::open(const BrokerPlan& plan, uid_t user, Hooks hooks) {
  NameService service(plan, std::move(hooks));
  service.epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  service.clock_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!service.epoll_.valid() || !service.clock_.valid())
    return fail(errno_error("start", "name server"));
  YETT_CHECK(service.listen_at(plan.name_server));
  service.answer_only(user);
  YETT_TRY(service.routes_, watch_host_routes());
  YETT_CHECK(watch(service.epoll_, service.routes_));
  YETT_CHECK(watch(service.epoll_, service.server_));
  YETT_CHECK(watch(service.epoll_, service.clock_));
  return service;
}

Status NameService::listen_at(std::uint32_t address) {
  constexpr std::uint16_t kPort = 53;
  server_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  address_.sin_family = AF_INET;
  address_.sin_port = htons(kPort);
  address_.sin_addr.s_addr = htonl(address);
  if (server_.valid() &&
      ::bind(server_.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_) == 0)
    return {};
  Error error = errno_error("bind", "the sandbox's name server");
  error.detail = "port 53 of an address in 127.64.0.0/10 cannot be had";
  error.mend = "let other name servers listen at addresses of their own, or write addresses";
  return fail(std::move(error));
}

// Where the kernel does not find our own socket, it would find nobody's.
void NameService::answer_only(uid_t user) {
  if (find_udp_owner(address_, address_)) user_ = user;
}

// SECURITY(names-asked-by-user): others of the host learn nothing of the policy, and have nothing
// recorded in the sandbox's name. Lent sockets are the user's.
bool NameService::is_asked_by_user(const Client& client) const {
  if (!user_) return true;
  sockaddr_in from{};
  std::memcpy(&from, &client.address, sizeof from);
  return find_udp_owner(from, address_) == user_;
}

NameBindings NameService::bindings_for(std::vector<EndpointRule> names) const {
  NameBindings bindings = bindings_;
  bindings.replace_names(std::move(names));
  return bindings;
}

void NameService::work() {
  std::uint64_t rung = 0;
  if (::read(clock_.get(), &rung, sizeof rung) < 0) rung = 0;  // it is a question or a reply
  answer_questions();
  const auto now = Clock::now();
  std::erase_if(lookups_,
                [&](const auto& lookup) { return on_reply(*lookup) || on_clock(*lookup, now); });
  const bool expired = bindings_.expire(now);
  // SECURITY(names-rechecked): what was another host's when it was told may be this one's by now.
  const bool ours = take_route_changes(routes_.borrow()) && bindings_.forget(is_of_this_host);
  if (expired || ours || (retry_ && *retry_ <= now)) static_cast<void>(allow_bound());
  set_clock();
}

void NameService::answer_questions() {
  std::array<std::uint8_t, kLargestDnsMessage> buffer;
  for (int i = 0; i < kBatch; ++i) {
    Client client;
    client.size = sizeof client.address;
    const ssize_t size = ::recvfrom(server_.get(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&client.address), &client.size);
    if (size < 0) return;
    if (!is_asked_by_user(client) || !take_question()) continue;
    on_question(std::span(buffer).first(static_cast<std::size_t>(size)), client);
  }
}

// SECURITY(call-budget)
bool NameService::take_question() {
  const auto now = Clock::now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    questions_left_ = kMostQuestions;
  }
  if (questions_left_ == 0) return false;
  --questions_left_;
  return true;
}

// SECURITY(names-of-rules): no other name is looked up, so a question carries nothing out.
void NameService::on_question(DnsBytes message, const Client& client) {
  const auto asked = parse_dns_query(message);
  if (!asked) return;
  if (!bindings_.is_known(asked->name)) {
    hooks_.refused(asked->name);
    return tell(*asked, client, {.code = DnsCode::no_such_name});
  }
  if (asked->type != kDnsA && asked->type != kDnsAaaa) return tell(*asked, client, {});
  if (!answer_by_hosts(*asked, client)) start_lookup(*asked, client);
}

// What the host's own file says of a name, also that it has no address, is not asked of strangers;
// nor is it where the file cannot be read.
bool NameService::answer_by_hosts(const DnsQuery& asked, const Client& client) {
  errno = 0;
  const std::optional<std::string> hosts = read_file("/etc/hosts");
  if (!hosts && errno != ENOENT) {
    tell(asked, client, {.code = DnsCode::server_failure});
    return true;
  }
  const auto listed = find_in_hosts(hosts.value_or(""), asked.name);
  if (listed) tell_addresses(asked, client, *listed, ToldBy::hosts_file);
  return listed.has_value();
}

void NameService::start_lookup(const DnsQuery& asked, const Client& client) {
  auto lookup = std::make_unique<Lookup>();
  lookup->asked = asked;
  lookup->client = client;
  lookup->query = {.recursion_desired = true, .name = asked.name, .type = asked.type};
  lookup->servers = parse_name_servers(read_file("/etc/resolv.conf").value_or(""));
  if (lookups_.size() >= kMostLookups || !try_next_server(*lookup))
    return tell(asked, client, {.code = DnsCode::server_failure});
  lookups_.push_back(std::move(lookup));
}

// A socket for each try: its port is the kernel's choice, and only that server can answer there.
bool NameService::try_next_server(Lookup& lookup) {
  for (; lookup.tries < kTries; ++lookup.tries) {
    const NameServer& server =
        lookup.servers[static_cast<std::size_t>(lookup.tries) % lookup.servers.size()];
    if (::getrandom(&lookup.query.id, sizeof lookup.query.id, 0) != sizeof lookup.query.id)
      return false;
    lookup.socket.reset(
        ::socket(server.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const std::vector<std::uint8_t> message = make_dns_query(lookup.query);
    const auto* address = reinterpret_cast<const sockaddr*>(&server.address);
    if (!lookup.socket.valid() || ::connect(lookup.socket.get(), address, server.size) != 0 ||
        ::send(lookup.socket.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0 ||
        !watch(epoll_, lookup.socket))
      continue;
    ++lookup.tries;
    lookup.until = Clock::now() + kTryTime;
    return true;
  }
  return false;
}

bool NameService::on_reply(Lookup& lookup) {
  std::array<std::uint8_t, kLargestDnsMessage> buffer;
  for (int i = 0; i < kBatch; ++i) {
    const ssize_t size = ::recv(lookup.socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) {
      // ECONNREFUSED: nobody is there, which no waiting mends.
      if (errno != EAGAIN && errno != EINTR) lookup.until = {};
      return false;
    }
    const auto answer =
        parse_dns_answer(std::span(buffer).first(static_cast<std::size_t>(size)), lookup.query);
    if (!answer) continue;
    std::vector<DnsAddress> addresses = answer->addresses;
    std::erase_if(addresses, [](const DnsAddress& each) {
      return !may_come_from_dns(each) || is_of_this_host(each);
    });
    if (answer->code != DnsCode::no_error)
      tell(lookup.asked, lookup.client, {.code = answer->code});
    else
      tell_addresses(lookup.asked, lookup.client, std::move(addresses), ToldBy::name_server);
    return true;
  }
  return false;
}

bool NameService::on_clock(Lookup& lookup, Clock::time_point now) {
  if (lookup.until > now || try_next_server(lookup)) return false;
  tell(lookup.asked, lookup.client, {.code = DnsCode::server_failure});
  return true;
}

// SECURITY(names-bound): told only when they are allowed, and allowed only when they are told.
void NameService::tell_addresses(const DnsQuery& asked, const Client& client,
                                 std::vector<DnsAddress> addresses, ToldBy who) {
  // A policy may have been swapped since.
  if (!bindings_.is_known(asked.name)) return tell(asked, client, {.code = DnsCode::no_such_name});
  addresses = of_family(std::move(addresses), asked.type);
  if (!addresses.empty() && !bind(asked.name, addresses, who))
    return tell(asked, client, {.code = DnsCode::server_failure});
  tell(asked, client, {.addresses = addresses});
}

// An answer that cannot be allowed (one address with too many ports, say) is taken back, so that it
// keeps nothing else from being allowed, or from being taken away.
bool NameService::bind(const std::string& name, std::vector<DnsAddress>& addresses, ToldBy who) {
  NameBindings before = bindings_;
  NameBindings::Bound bound = bindings_.bind(name, addresses, Clock::now(), who);
  addresses = std::move(bound.addresses);
  if (addresses.empty()) return false;
  if ((!bound.changes_rules && !retry_) || allow_bound()) return true;
  bindings_ = std::move(before);
  static_cast<void>(allow_bound());
  return false;
}

bool NameService::allow_bound() {
  const bool allowed = hooks_.allow(bindings_.rules()).has_value();
  retry_.reset();
  if (!allowed) retry_ = Clock::now() + std::chrono::seconds(1);
  return allowed;
}

void NameService::tell(const DnsQuery& asked, const Client& client, const DnsAnswer& answer) {
  const std::vector<std::uint8_t> message = make_dns_answer(asked, answer);
  static_cast<void>(::sendto(server_.get(), message.data(), message.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&client.address), client.size));
}

void NameService::set_clock() {
  std::optional<Clock::time_point> next = bindings_.next_expiry();
  if (retry_ && (!next || *retry_ < *next)) next = retry_;
  for (const auto& lookup : lookups_)
    if (!next || lookup->until < *next) next = lookup->until;
  itimerspec timer{};
  if (next) {
    const auto since = std::max(next->time_since_epoch(), Clock::duration(1));
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    timer.it_value.tv_sec = seconds.count();
    timer.it_value.tv_nsec = (since - seconds).count();
  }
  ::timerfd_settime(clock_.get(), TFD_TIMER_ABSTIME, &timer, nullptr);
}

}  // namespace yett
