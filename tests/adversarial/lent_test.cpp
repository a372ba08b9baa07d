// Sockets lent to sandboxes without a network: they behave as native ones, and lead nowhere else.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/unique_fd.hpp"
#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

constexpr std::array kAsNatively{"blocking",
                                 "blocking_refused",
                                 "nonblocking",
                                 "nonblocking_refused",
                                 "nonblocking_by_fcntl",
                                 "flags_of_a_socket",
                                 "close_on_exec",
                                 "lowest_number",
                                 "watched_before_connect",
                                 "duplicated_before_connect",
                                 "shared_by_fork",
                                 "names_of_both_ends",
                                 "connect_twice",
                                 "connect_anew",
                                 "receive_timeout",
                                 "options_before_connect",
                                 "no_number_left",
                                 "storm_of_signals",
                                 "storm_with_restarts",
                                 "ipv6",
                                 "mapped",
                                 "udp_connected",
                                 "udp_sendto",
                                 "unix_sockets",
                                 "shown_to_clients",
                                 "listen_not_bound"};

constexpr std::array kElsewhere{"stray_answer",
                                "other_port",
                                "other_port_nonblocking",
                                "other_address",
                                "any_address",
                                "other_ipv6",
                                "other_mapped",
                                "other_after_allowed",
                                "other_udp",
                                "other_sendto",
                                "other_sendmsg",
                                "other_sendmmsg",
                                "other_from_connected",
                                "other_sendto_mapped",
                                "other_fast_open",
                                "other_fast_open_many",
                                "other_fast_open_connect",
                                "source_route",
                                "packet_options",
                                "bind_any",
                                "bind_some_port",
                                "bind_udp",
                                "listen_unbound",
                                "listen_after_connect"};

// Those that the cgroup's programs alone refuse: they succeed where these are not attached.
constexpr std::array kHeldByPrograms{"other_port",     "other_address",   "other_ipv6",
                                     "other_udp",      "other_sendto",    "other_sendmsg",
                                     "other_mapped",   "other_fast_open", "other_from_connected",
                                     "bind_any",       "bind_udp",        "listen_unbound",
                                     "packet_options", "stray_answer"};

constexpr std::array kOtherKinds{"raw",    "ping",  "multipath",         "netlink",
                                 "packet", "vsock", "raw_with_high_bits"};

// Answers what it gets with the same, by TCP and UDP, at one port of 127.0.0.0/8 and ::1, until it
// is destroyed. A datagram of IPv4 is first answered with "s" from another port.
class EchoServer {
 public:
  EchoServer() {
    const int any = open(AF_INET, SOCK_STREAM, 0);
    port_ = port_of(any);
    open(AF_INET, SOCK_DGRAM, port_);
    open(AF_INET6, SOCK_STREAM, port_);
    open(AF_INET6, SOCK_DGRAM, port_);
    thread_ = std::thread([this] { serve(); });
  }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;
  ~EchoServer() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] int port() const { return port_; }
  // Datagrams and pieces of streams.
  [[nodiscard]] int received() const { return received_; }

 private:
  int open(int family, int type, int port) {
    UniqueFd made(::socket(family, type | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool bound = false;
    if (family == AF_INET) {
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_port = htons(static_cast<std::uint16_t>(port));
      bound = ::bind(made.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    } else {
      ::setsockopt(made.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      sockaddr_in6 at{};
      at.sin6_family = AF_INET6;
      at.sin6_addr = in6addr_loopback;
      at.sin6_port = htons(static_cast<std::uint16_t>(port));
      bound = ::bind(made.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    }
    EXPECT_TRUE(bound) << std::strerror(errno);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(made.get(), 1024), 0);
    }
    watched_.push_back({.fd = made.get(), .events = POLLIN, .revents = 0});
    is_listener_.push_back(type == SOCK_STREAM);
    owned_.push_back(std::move(made));
    return owned_.back().get();
  }
  static int port_of(int socket) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin_port);
  }
  void serve() {
    while (!stop_) {
      if (::poll(watched_.data(), watched_.size(), 20) <= 0) continue;
      for (std::size_t i = watched_.size(); i-- > 0;)
        if (watched_[i].revents != 0) serve_one(i);
    }
  }
  void serve_one(std::size_t i) {
    const int fd = watched_[i].fd;
    if (is_listener_[i]) {
      UniqueFd accepted(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (!accepted.valid()) return;
      watched_.push_back({.fd = accepted.get(), .events = POLLIN, .revents = 0});
      is_listener_.push_back(false);
      owned_.push_back(std::move(accepted));
      return;
    }
    std::array<char, 64> bytes;
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(fd, bytes.data(), bytes.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got > 0) {
      ++received_;
      if (from.ss_family == AF_INET && size > 0)
        ::sendto(stray_.get(), "s", 1, 0, reinterpret_cast<sockaddr*>(&from), size);
      ::sendto(fd, bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL,
               size > 0 ? reinterpret_cast<sockaddr*>(&from) : nullptr, size);
    } else if (i >= 4) {
      const auto at = static_cast<std::ptrdiff_t>(i);
      watched_.erase(watched_.begin() + at);
      is_listener_.erase(is_listener_.begin() + at);
      owned_.erase(owned_.begin() + at);
    }
  }

  UniqueFd stray_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::vector<UniqueFd> owned_;
  std::vector<pollfd> watched_;
  std::vector<bool> is_listener_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> received_{0};
  std::thread thread_;
};

// A port at which nobody listens, kept so.
class ShutPort {
 public:
  ShutPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    socklen_t size = sizeof at;
    ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
  }
  [[nodiscard]] int port() const { return port_; }
  void release() { socket_.reset(); }

 private:
  UniqueFd socket_;
  int port_ = 0;
};

class Lent : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    YETT_REQUIRE(::geteuid() == 0, "the full mode needs root");
    free_.release();
  }

  // Rules that let exactly OPEN and CLOSED be reached, and LISTEN be listened at.
  [[nodiscard]] std::string policy() const {
    const std::string open = std::to_string(open_.port());
    return "extends = \"plugin\"\n[network]\nmode = \"none\"\nconnect = [\"tcp://127.0.0.1:" +
           open + "\", \"tcp://[::1]:" + open + "\", \"udp://127.0.0.1:" + open +
           "\", \"tcp://127.0.0.1:" + std::to_string(closed_.port()) +
           "\"]\nlisten = [\"tcp://127.0.0.1:" + std::to_string(listen_.port()) + "\"]\n";
  }
  [[nodiscard]] std::vector<std::string> ports() const {
    return {"OPEN=" + std::to_string(open_.port()),   "CLOSED=" + std::to_string(closed_.port()),
            "OTHER=" + std::to_string(other_.port()), "LISTEN=" + std::to_string(listen_.port()),
            "FREE=" + std::to_string(free_.port()),   "NONE=0"};
  }
  [[nodiscard]] std::vector<std::string> flags() const {
    write_file(work() + "/policy.toml", policy());
    std::vector<std::string> flags{"--policy", work() + "/policy.toml", "--audit", audit()};
    for (const std::string& port : ports()) flags.insert(flags.end(), {"-e", port});
    return flags;
  }
  // The command line of a sandbox in which `attempt` serves.
  [[nodiscard]] std::vector<std::string> serving(const std::string& attempt,
                                                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> line{"run"};
    for (const auto& part : {flags(), more}) line.insert(line.end(), part.begin(), part.end());
    line.insert(line.end(), {"-v", kAttackVolume, "--", "/attacks/lent", attempt});
    return yett_command(line);
  }
  [[nodiscard]] std::string audit() const { return work() + "/audit"; }

  template <typename Names>
  static std::vector<std::string> lent(const Names& names) {
    std::vector<std::string> command{"lent"};
    command.insert(command.end(), names.begin(), names.end());
    return command;
  }
  template <typename Names>
  [[nodiscard]] Results inside(const Names& names) const {
    return results_of(run_attack(lent(names), flags()));
  }
  template <typename Names>
  [[nodiscard]] Results natively(const Names& names) const {
    std::vector<std::string> command = lent(names);
    command[0] = kAttacks + "/lent";
    return results_of(run_program(command, {.environment = ports()}));
  }
  template <typename Names>
  [[nodiscard]] Results without_rules(const Names& names) const {
    const Missing rules{.from_plan =
                            [this](SandboxPlan& plan) {
                              plan.cgroup_bpf.attached = false;
                              plan.lsm.labelled = false;
                              plan.cgroup_bpf.listen = {any_tcp()};
                              for (const std::string& port : ports())
                                plan.process.environment.push_back(port);
                            },
                        .calls = {},
                        .keeps_bpf = true};
    std::vector<std::string> command = lent(names);
    command[0] = "/attacks/lent";
    return results_of(run_without(
        rules, {.command = command,
                .volumes = {{.source = kAttacks, .target = "/attacks", .read_only = true}},
                .policy = policy()}));
  }
  static EndpointRule any_tcp() {
    return {.scheme = EndpointScheme::tcp, .host = "*", .port_first = 0, .port_last = 65535};
  }

  EchoServer open_;
  EchoServer other_;
  ShutPort closed_;
  ShutPort listen_;
  ShutPort free_;
};

class LentListen : public Lent {
 protected:
  [[nodiscard]] Results under(const std::string& rules, int port,
                              const std::vector<std::string>& names);
  // 0: none is free.
  static int free_low_port() {
    for (int port = 1023; port > 600; --port) {
      const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_port = htons(static_cast<std::uint16_t>(port));
      if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) return port;
    }
    return 0;
  }
};

TEST_F(Lent, BehavesAsNatively) {
  const Results native = natively(kAsNatively);
  const Results lent = inside(kAsNatively);
  ASSERT_EQ(native.size(), kAsNatively.size());
  EXPECT_EQ(lent, native);
}

// SECURITY(lent-sockets): beside the same natively, where each way is open.
TEST_F(Lent, LeadsNowhereElse) {
  const Results native = natively(kElsewhere);
  const Results lent = inside(kElsewhere);
  for (const char* name : kElsewhere) {
    expect_result(lent, name, "EPERM|EACCES", "with lent sockets");  // cgroup programs, BPF LSM
    expect_result(native, name, "ok", "natively");
  }
  const Results open = without_rules(kHeldByPrograms);
  for (const char* name : kHeldByPrograms) expect_result(open, name, "ok", "without the rules");
  const std::string records = read_file(audit());
  const std::string other = ":" + std::to_string(other_.port()) + "\"";
  for (const std::string& object : {"tcp://127.0.0.1" + other, "tcp://[::1]" + other,
                                    "udp://127.0.0.1" + other, std::string("tcp://0.0.0.0:0\"")})
    EXPECT_NE(records.find("\"object\":\"" + object), std::string::npos) << object << records;
}

// SECURITY(udp-answers): with the network of the host too.
TEST_F(Lent, OnTheHostsNetworkNobodyElseAnswers) {
  const std::string open = std::to_string(open_.port());
  write_file(work() + "/host.toml",
             "extends = \"plugin\"\n[network]\nmode = \"host\"\nconnect = [\"udp://127.0.0.1:" +
                 open + "\"]\n");
  const Results host =
      results_of(run_attack(lent(std::array{"stray_answer", "udp_sendto"}),
                            {"--policy", work() + "/host.toml", "-e", "OPEN=" + open}));
  expect_result(host, "stray_answer", "EPERM", "with mode = host");
  expect_result(host, "udp_sendto", "ok", "with mode = host");
}

TEST_F(Lent, OtherKindsAreNotLent) {
  const Results lent = inside(kOtherKinds);
  for (const char* name : kOtherKinds) expect_result(lent, name, "EAFNOSUPPORT", "lent");
}

// A sockaddr or a msghdr that another thread rewrites while the kernel reads it: what arrives is
// what was decided on. YETT_LONG=1 makes it a million tries.
std::string tries_of_a_race() {
  return std::to_string(repeated(std::getenv("YETT_LONG") != nullptr ? 1'000'000 : 20'000));
}

TEST_F(Lent, RewrittenAddressesReachNothingElse) {
  const Results lent = results_of(run_attack({"lent_flip", tries_of_a_race()}, flags(),
                                             {.timeout = std::chrono::seconds(400)}));
  ASSERT_EQ(lent.count("flips"), 1U);
  EXPECT_EQ(lent.at("connect_forbidden"), "0");
  EXPECT_EQ(other_.received(), 0);
  for (const char* seen :
       {"connected", "connect_refused", "sent", "send_refused", "header_sent", "header_refused"})
    EXPECT_NE(lent.at(seen), "0") << seen;
  const Results native =
      results_of(run_program({kAttacks + "/lent_flip", "20000"}, {.environment = ports()}));
  EXPECT_NE(native.at("connect_forbidden"), "0");
  EXPECT_NE(other_.received(), 0);
}

// SECURITY(lent-identity): a client on the host that asks whether the server is root's.
TEST_F(Lent, AUnixListenerShowsTheSandboxsUser) {
  const std::string volume = work() + "/data";
  ASSERT_EQ(::mkdir(volume.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(volume.c_str(), 0777), 0);
  RunningProgram running(serving("serve_unix", {"-v", volume + ":/data"}), {});
  ASSERT_TRUE(running.wait_for_output("listening", std::chrono::seconds(30)));
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  ASSERT_LT(volume.size() + 8, sizeof at.sun_path);
  std::strcpy(at.sun_path, (volume + "/socket").c_str());
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ucred shown{};
  socklen_t size = sizeof shown;
  ASSERT_EQ(::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &shown, &size), 0);
  EXPECT_NE(shown.uid, 0U);
  EXPECT_NE(shown.gid, 0U);
  EXPECT_NE(shown.pid, running.pid());
  std::array<char, 6> served{};
  EXPECT_EQ(::recv(client.get(), served.data(), served.size(), MSG_WAITALL), 6);
  expect_result(results_of(running.wait()), "serve_unix", "ok", "with rules");
}

// Each of `names` under these listen rules, with LISTEN as `port`.
Results LentListen::under(const std::string& rules, int port,
                          const std::vector<std::string>& names) {
  write_file(work() + "/listen.toml",
             "extends = \"plugin\"\n[network]\nmode = \"none\"\nlisten = [" + rules + "]\n");
  std::vector<std::string> command{"lent_listen"};
  command.insert(command.end(), names.begin(), names.end());
  return results_of(run_attack(
      command, {"--policy", work() + "/listen.toml", "-e", "LISTEN=" + std::to_string(port)}));
}

// SECURITY(listen-both)
TEST_F(LentListen, AnIpv6RuleOpensNoIpv4) {
  const int port = listen_.port();
  listen_.release();
  const std::string at_port = ":" + std::to_string(port) + "\"";
  const std::vector<std::string> names{"listen_ipv6_alone", "listen_both"};
  const Results ipv6 = under("\"tcp://[::]" + at_port, port, names);
  expect_result(ipv6, "listen_ipv6_alone", "ok", "by a rule for ::");
  expect_result(ipv6, "listen_both", "EPERM", "by a rule for ::");
  for (const std::string& rules :
       {"\"tcp://[::]" + at_port + ", \"tcp://0.0.0.0" + at_port, "\"tcp://*" + at_port})
    expect_result(under(rules, port, names), "listen_both", "ok", rules.c_str());
}

// SECURITY(low-ports): a rule for all ports is none for those that root alone has.
TEST_F(LentListen, PortsBelow1024MustBeNamed) {
  const int port = free_low_port();
  ASSERT_GT(port, 0);
  const std::vector<std::string> names{"listen_low"};
  expect_result(under("\"tcp://*:*\"", port, names), "listen_low", "EACCES", "by *");
  const std::string named = "\"tcp://*:" + std::to_string(port) + "\"";
  expect_result(under(named, port, names), "listen_low", "ok", "by its number");
  expect_result(under("\"tcp://*:*\", " + named, port, names), "listen_low", "ok", "by both");
}

// SECURITY(lent-listen)
TEST_F(Lent, ListensWhereARuleSays) {
  const std::vector<std::string> command = serving("serve_one");
  listen_.release();
  RunningProgram running(command, {});
  ASSERT_TRUE(running.wait_for_output("listening", std::chrono::seconds(30)));
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<std::uint16_t>(listen_.port()));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  std::array<char, 6> served{};
  EXPECT_EQ(::recv(client.get(), served.data(), served.size(), MSG_WAITALL), 6);
  EXPECT_EQ(std::string_view(served.data(), served.size()), "served");
  expect_result(results_of(running.wait()), "serve_one", "ok", "with a listen rule");
}

}  // namespace
}  // namespace yett::test
