#include "supervisor/lsm/entry_sweep.hpp"

#include <bpf/bpf.h>

#include <set>
#include <vector>

#include "ioctl_uapi/lsm_policy.h"
#include "supervisor/lsm/process_identity.hpp"

namespace yett {
namespace {

template <typename Key>
std::vector<Key> list_keys(const UniqueFd& map) {
  std::vector<Key> keys;
  Key key{};
  const Key* previous = nullptr;
  Key next{};
  while (bpf_map_get_next_key(map.get(), previous, &next) == 0) {
    keys.push_back(next);
    key = next;
    previous = &key;
  }
  return keys;
}

bool is_alive(const yett_policy& policy) {
  const auto owner = process_identity(static_cast<pid_t>(policy.owner_pid));
  return owner && owner->start_ticks == policy.owner_start;
}

template <typename Key, typename PolicyOf>
void remove_orphans(const UniqueFd& map, const std::set<std::uint32_t>& live, PolicyOf policy_of) {
  for (const Key& key : list_keys<Key>(map))
    if (!live.contains(policy_of(key))) bpf_map_delete_elem(map.get(), &key);
}

}  // namespace

void sweep_dead_entries(const LsmMaps& maps) {
  std::set<std::uint32_t> live;
  for (const std::uint32_t id : list_keys<std::uint32_t>(maps.policies)) {
    yett_policy policy{};
    if (bpf_map_lookup_elem(maps.policies.get(), &id, &policy) != 0) continue;
    if (id == YETT_CANARY_POLICY || is_alive(policy))
      live.insert(id);
    else
      bpf_map_delete_elem(maps.policies.get(), &id);
  }
  remove_orphans<std::uint32_t>(maps.counters, live, [](std::uint32_t id) { return id; });
  remove_orphans<yett_root_key>(maps.roots, live, [](const auto& key) { return key.policy; });
  remove_orphans<yett_endpoint_key>(maps.endpoints, live,
                                    [](const auto& key) { return key.policy; });
  remove_orphans<std::uint32_t>(maps.slots, live, [&maps](std::uint32_t slot) {
    std::uint32_t id = 0;
    bpf_map_lookup_elem(maps.slots.get(), &slot, &id);
    return id;
  });
}

}  // namespace yett
