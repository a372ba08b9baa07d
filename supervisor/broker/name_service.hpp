// The name server of a sandbox whose rules name hosts. It answers for those names and no others: it
// looks them up as the host does (/etc/hosts, then the servers of /etc/resolv.conf), has the
// addresses allowed, and only then tells them. Unmodified programs find it in their
// /etc/resolv.conf.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/broker/dns_message.hpp"
#include "supervisor/broker/host_tables.hpp"
#include "supervisor/broker/name_bindings.hpp"

namespace yett {

class NameService {
 public:
  // Look-ups under way; a question more is answered with "server failure".
  static constexpr std::size_t kMostLookups = 32;
  // A second; more are not answered. They cost the supervisor's time, which no limit of the sandbox
  // counts.
  static constexpr int kMostQuestions = 500;
  static constexpr std::chrono::milliseconds kTryTime{1500};
  static constexpr int kTries = 4;  // over all name servers, in turn

  struct Hooks {
    // Makes these rules, and no others that were given before, hold beside the plan's own.
    std::function<Status(const std::vector<EndpointRule>&)> allow;
    // A name that no rule has was asked for.
    std::function<void(const std::string& name)> refused;
  };

  // Listens at the plan's address, of the calling process's network, and answers `user` alone:
  // everybody where the kernel does not tell whose a question is (no udp_diag). Preconditions:
  // root.
  [[nodiscard]] static Result<NameService> open(const BrokerPlan& plan, uid_t user, Hooks hooks);

  // What is in force and allowed of the names, for `names` in place of the rules of now.
  [[nodiscard]] NameBindings bindings_for(std::vector<EndpointRule> names) const;
  [[nodiscard]] std::vector<EndpointRule> rules() const { return bindings_.rules(); }
  // From now on; whoever calls has had its rules allowed. Answers that are waited for are for
  // names that had a rule when they were asked, and are told where they still have one.
  void take_bindings(NameBindings bindings) { bindings_ = std::move(bindings); }

  // Readable: it is time for work().
  [[nodiscard]] BorrowedFd events() const { return epoll_.borrow(); }
  // Never waits.
  void work();

 private:
  using Clock = NameBindings::Clock;
  struct Client {
    sockaddr_storage address{};
    socklen_t size = 0;
  };
  struct Lookup {
    DnsQuery asked;  // by the client
    DnsQuery query;  // to the server, under an id of our own
    Client client;
    std::vector<NameServer> servers;
    UniqueFd socket;
    int tries = 0;
    Clock::time_point until;
  };

  NameService(const BrokerPlan& plan, Hooks hooks);
  [[nodiscard]] Status listen_at(std::uint32_t address);
  void answer_only(uid_t user);
  [[nodiscard]] bool is_asked_by_user(const Client& client) const;
  void answer_questions();
  [[nodiscard]] bool take_question();
  void on_question(DnsBytes message, const Client& client);
  [[nodiscard]] bool answer_by_hosts(const DnsQuery& asked, const Client& client);
  void start_lookup(const DnsQuery& asked, const Client& client);
  // False: no server is left to try.
  [[nodiscard]] bool try_next_server(Lookup& lookup);
  // True: it has come to its end.
  [[nodiscard]] bool on_reply(Lookup& lookup);
  [[nodiscard]] bool on_clock(Lookup& lookup, Clock::time_point now);
  void tell(const DnsQuery& asked, const Client& client, const DnsAnswer& answer);
  void tell_addresses(const DnsQuery& asked, const Client& client,
                      std::vector<DnsAddress> addresses, ToldBy who);
  // False: nothing is bound of them, and what was bound before holds.
  [[nodiscard]] bool bind(const std::string& name, std::vector<DnsAddress>& addresses, ToldBy who);
  [[nodiscard]] bool allow_bound();
  void set_clock();

  Hooks hooks_;
  NameBindings bindings_;
  UniqueFd epoll_;
  UniqueFd server_;
  sockaddr_in address_{};
  std::optional<uid_t> user_;  // none: whoever asks
  UniqueFd clock_;
  UniqueFd routes_;  // of the host, which may get an address that is bound
  std::vector<std::unique_ptr<Lookup>> lookups_;
  std::optional<Clock::time_point> retry_;  // what is allowed is not what is bound
  int questions_left_ = kMostQuestions;     // of this second
  Clock::time_point second_{};
};

}  // namespace yett
