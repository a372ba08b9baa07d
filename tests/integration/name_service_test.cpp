// A sandbox's name server in a network of the test's own, with a name server of strangers in it.
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/unique_fd.hpp"
#include "sandbox/guard/namespaces_child.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "supervisor/broker/name_service.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint32_t kOwn = 127U << 24 | 64U << 16 | 1;        // 127.64.0.1
constexpr std::uint32_t kStrangers = 127U << 24 | 9;              // 127.0.0.9
constexpr std::array<std::uint8_t, 4> kRenumbered{192, 0, 2, 7};  // the host's, later
constexpr std::array<std::uint8_t, 4> kOther{192, 0, 2, 8};

sockaddr_in at(std::uint32_t address) {
  constexpr std::uint16_t kPort = 53;
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(kPort);
  place.sin_addr.s_addr = htonl(address);
  return place;
}

UniqueFd datagram_socket() { return UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

class NamesOfTheHost : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "names are served by root");
    std::string path = testing::TempDir() + "yett-names-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    ASSERT_EQ(::unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(raise_loopback(), 0);
    put_over("/etc/resolv.conf", "nameserver 127.0.0.9\n");
    put_over("/etc/hosts", "127.0.0.1 here.test\n");
    strangers_ = datagram_socket();
    const sockaddr_in place = at(kStrangers);
    ASSERT_EQ(::bind(strangers_.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place), 0);
    open_service();
  }
  void TearDown() override {
    for (const char* file : {"/etc/resolv.conf", "/etc/hosts"}) ::umount2(file, MNT_DETACH);
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  void put_over(const char* target, const char* text) const {
    const std::string file = directory_ + "/" + std::filesystem::path(target).filename().string();
    std::ofstream(file) << text;
    ASSERT_EQ(::mount(file.c_str(), target, nullptr, MS_BIND, nullptr), 0) << target;
  }

  void open_service() {
    BrokerPlan plan;
    for (const char* text :
         {"tcp://renumbered.test:80", "tcp://other.test:80", "tcp://here.test:80"})
      plan.names.push_back(*parse_endpoint(text));
    plan.name_server = kOwn;
    auto opened = NameService::open(plan, ::geteuid(),
                                    {.allow =
                                         [this](const std::vector<EndpointRule>& rules) {
                                           allowed_ = rules;
                                           return Status();
                                         },
                                     .refused = [](const std::string&) {}});
    ASSERT_TRUE(opened) << opened.error().message();
    service_.emplace(std::move(*opened));
  }

  void answer_as_stranger() {
    std::array<std::uint8_t, kLargestDnsMessage> message{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(strangers_.get(), message.data(), message.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    ASSERT_GT(got, 0);
    const auto query = parse_dns_query(std::span(message).first(static_cast<std::size_t>(got)));
    ASSERT_TRUE(query);
    DnsAddress address{.ttl = 3600};
    std::ranges::copy(query->name == "renumbered.test" ? kRenumbered : kOther,
                      address.bytes.begin());
    const auto answer = make_dns_answer(*query, {.addresses = {address}});
    ::sendto(strangers_.get(), answer.data(), answer.size(), 0,
             reinterpret_cast<const sockaddr*>(&from), size);
  }

  // False: `is_done` was not true in ten seconds.
  bool serve_until(const std::function<bool()>& is_done) {
    const auto until = Clock::now() + std::chrono::seconds(10);
    while (!is_done()) {
      if (Clock::now() > until) return false;
      std::array<pollfd, 2> ready{
          {{service_->events().get(), POLLIN, 0}, {strangers_.get(), POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), 20);
      if (ready[0].revents != 0) service_->work();
      if (ready[1].revents != 0) answer_as_stranger();
    }
    return true;
  }

  void look_up(const char* name) {
    const UniqueFd client = datagram_socket();
    const sockaddr_in place = at(kOwn);
    const auto query =
        make_dns_query({.id = 7, .recursion_desired = true, .name = name, .type = kDnsA});
    ASSERT_EQ(::sendto(client.get(), query.data(), query.size(), 0,
                       reinterpret_cast<const sockaddr*>(&place), sizeof place),
              static_cast<ssize_t>(query.size()));
    pollfd answered{.fd = client.get(), .events = POLLIN, .revents = 0};
    ASSERT_TRUE(serve_until([&] { return ::poll(&answered, 1, 0) == 1; })) << name;
  }

  [[nodiscard]] bool is_allowed(const std::array<std::uint8_t, 4>& address) const {
    return std::ranges::any_of(allowed_, [&](const EndpointRule& rule) {
      return !rule.is_ipv6 && std::ranges::equal(std::span(rule.address).first(4), address);
    });
  }

  // As another address of the loopback's.
  static void give_to_host(const std::array<std::uint8_t, 4>& address) {
    const UniqueFd any = datagram_socket();
    ifreq request{};
    std::strcpy(request.ifr_name, "lo:1");
    auto* place = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
    place->sin_family = AF_INET;
    std::memcpy(&place->sin_addr, address.data(), address.size());
    ASSERT_EQ(::ioctl(any.get(), SIOCSIFADDR, &request), 0) << std::strerror(errno);
    place->sin_addr.s_addr = UINT32_MAX;
    ASSERT_EQ(::ioctl(any.get(), SIOCSIFNETMASK, &request), 0) << std::strerror(errno);
  }

  std::string directory_;
  UniqueFd strangers_;
  std::optional<NameService> service_;
  std::vector<EndpointRule> allowed_;
};

// SECURITY(names-rechecked)
TEST_F(NamesOfTheHost, AnAddressThatBecomesTheHostsIsAllowedNoMore) {
  look_up("renumbered.test");
  look_up("other.test");
  look_up("here.test");
  ASSERT_TRUE(is_allowed(kRenumbered) && is_allowed(kOther) && is_allowed({127, 0, 0, 1}));
  give_to_host(kRenumbered);
  EXPECT_TRUE(serve_until([this] { return !is_allowed(kRenumbered); }));
  EXPECT_TRUE(is_allowed(kOther)) << "another host's stays";
  EXPECT_TRUE(is_allowed({127, 0, 0, 1})) << "so does what the host's own file says";
}

}  // namespace
}  // namespace yett::test
