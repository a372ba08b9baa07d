#include "supervisor/lsm/endpoint_map.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "supervisor/lsm/bpf_object.hpp"

namespace yett {
namespace {

bool same_key(const yett_endpoint_key& left, const yett_endpoint_key& right) {
  return std::memcmp(&left, &right, sizeof left) == 0;
}

}  // namespace

Status write_endpoints(int map, const char* name, const std::vector<EndpointEntry>& table,
                       std::vector<yett_endpoint_key>& held) {
  for (const auto& [key, value] : table) {
    if (bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0)
      return fail(bpf_error(-errno, "write BPF map", name));
    const auto is_it = [&](const yett_endpoint_key& each) { return same_key(each, key); };
    if (std::ranges::none_of(held, is_it)) held.push_back(key);
  }
  std::erase_if(held, [&](const yett_endpoint_key& key) {
    const bool wanted = std::ranges::any_of(
        table, [&](const EndpointEntry& entry) { return same_key(entry.first, key); });
    return !wanted && bpf_map_delete_elem(map, &key) == 0;
  });
  return {};
}

}  // namespace yett
