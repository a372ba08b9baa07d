// The endpoint rules of one sandbox in a kernel map, and the sets of rules that take their place
// while programs look them up: a set is written whole beside the one in force, under a number of
// its own, and whoever owns the entry that names the number then switches to it by one store.
// docs/decisions/0031-live-policies.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.hpp"
#include "supervisor/lsm/endpoint_map.hpp"

namespace yett {

struct EndpointRules {
  EndpointList connect;
  EndpointList listen;
};

class EndpointSets {
 public:
  // An earlier set stays so long: a program on another CPU may be looking it up.
  static constexpr std::chrono::seconds kGrace{1};

  // `name`: of the map, for errors. `policy`: of its keys.
  EndpointSets(std::uint32_t policy, const char* name, EndpointRules rules)
      : policy_(policy), name_(name), rules_(std::move(rules)) {}

  [[nodiscard]] std::uint8_t number() const { return number_; }
  // What may be connected to beside the rules, from now on: in place of what was given before.
  [[nodiscard]] Status set_more_connect(EndpointMaps maps, const std::vector<EndpointRule>& more);
  // SECURITY(swap-atomic): these and `more` in place of all, by `name_set`, which names the new
  // number to the programs in one step. Errors: nothing has changed.
  [[nodiscard]] Status replace(EndpointMaps maps, EndpointRules rules,
                               const std::vector<EndpointRule>& more,
                               const std::function<Status(std::uint8_t)>& name_set);
  // Of all sets: the owner goes.
  void remove_all(EndpointMaps maps);

 private:
  using Clock = std::chrono::steady_clock;
  struct Earlier {
    std::uint8_t number = 0;
    std::vector<yett_endpoint_key> keys;
    Clock::time_point since;
  };
  [[nodiscard]] std::uint8_t free_number() const;
  void remove_earlier(EndpointMaps maps, Clock::time_point before);
  [[nodiscard]] Status write(EndpointMaps maps, const std::vector<EndpointEntry>& table,
                             std::vector<yett_endpoint_key>& keys);

  std::uint32_t policy_;
  const char* name_;
  EndpointRules rules_;
  std::uint8_t number_ = 0;
  std::vector<yett_endpoint_key> keys_;
  std::vector<Earlier> earlier_;
};

}  // namespace yett
