// Which addresses the names of a policy's rules stand for at this moment: those that were given
// out, for as long as they were given. A value.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/policy/policy.hpp"
#include "supervisor/broker/dns_message.hpp"

namespace yett {

// Whose word an address of a name is: the host's own file may name the host itself.
enum class ToldBy { hosts_file, name_server };

class NameBindings {
 public:
  using Clock = std::chrono::steady_clock;

  // An address holds at least so long, for programs that keep what they looked up, and so much
  // longer than it was told: who has just got it may still be on its way to connect.
  static constexpr std::chrono::seconds kShortest{60};
  static constexpr std::chrono::seconds kGrace{30};
  static constexpr std::chrono::hours kLongest{24};
  static constexpr std::size_t kMost = 512;

  // `names`: the rules by host name.
  explicit NameBindings(std::vector<EndpointRule> names) : names_(std::move(names)) {}

  // `name` in lower case.
  [[nodiscard]] bool is_known(std::string_view name) const;
  struct Bound {
    std::vector<DnsAddress> addresses;  // those that have room; the rest is not to be told
    bool changes_rules = false;         // one of them was not bound to the name before
  };
  Bound bind(std::string_view name, const std::vector<DnsAddress>& addresses, Clock::time_point now,
             ToldBy who);
  // False: none had to go.
  bool expire(Clock::time_point now);
  // Those of a name server that are the host's by now. False: none had to go.
  bool forget(const std::function<bool(const DnsAddress&)>& is_the_hosts);
  [[nodiscard]] std::optional<Clock::time_point> next_expiry() const;
  // Other rules from now on; what is bound to names that they have too stays.
  void replace_names(std::vector<EndpointRule> names);
  // One rule for each bound address and each rule of its name.
  [[nodiscard]] std::vector<EndpointRule> rules() const;

 private:
  struct Binding {
    std::string name;
    DnsAddress address;  // its ttl does not count
    Clock::time_point until;
    ToldBy who;
  };
  std::vector<EndpointRule> names_;
  std::vector<Binding> bindings_;
};

}  // namespace yett
