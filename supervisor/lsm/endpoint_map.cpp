#include "supervisor/lsm/endpoint_map.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "supervisor/lsm/bpf_object.hpp"

namespace yett {
namespace {

struct KeyOrder {
  bool operator()(const yett_endpoint_key& left, const yett_endpoint_key& right) const {
    return std::memcmp(&left, &right, sizeof left) < 0;
  }
};
using Keys = std::set<yett_endpoint_key, KeyOrder>;

// One address, no prefix: what is shorter holds rules of its own, and without it longer ones would
// be asked too little, or wider ones too much.
bool is_one_address(const yett_endpoint_key& key) {
  return key.prefix_length == YETT_ENDPOINT_FIXED_BITS + 128;
}

// Keeps the first error; all the rest is done nonetheless.
class MapWriter {
 public:
  MapWriter(int map, const char* name) : map_(map), name_(name) {}

  bool remove(const yett_endpoint_key& key) {
    return bpf_map_delete_elem(map_, &key) == 0 || errno == ENOENT || failed();
  }
  bool write(const EndpointEntry& entry) {
    return bpf_map_update_elem(map_, &entry.first, &entry.second, BPF_ANY) == 0 || failed();
  }
  [[nodiscard]] Status status() const {
    if (error_ == 0) return {};
    return fail(bpf_error(-error_, "write BPF map", name_));
  }

 private:
  bool failed() {
    if (error_ == 0) error_ = errno;
    return false;
  }

  int map_;
  const char* name_;
  int error_ = 0;
};

bpf_map_batch_opts batch_options() {
  bpf_map_batch_opts options{};
  options.sz = sizeof options;
  return options;
}

std::vector<yett_endpoint_key> keys_of(const std::vector<EndpointEntry>& table) {
  std::vector<yett_endpoint_key> keys;
  keys.reserve(table.size());
  for (const EndpointEntry& entry : table) keys.push_back(entry.first);
  return keys;
}

// False: not all of it, or the kernel has no such call for this kind of map (before Linux 5.14).
bool write_at_once(int map, const std::vector<EndpointEntry>& table) {
  const std::vector<yett_endpoint_key> keys = keys_of(table);
  std::vector<yett_endpoint_value> values;
  values.reserve(table.size());
  for (const EndpointEntry& entry : table) values.push_back(entry.second);
  auto count = static_cast<std::uint32_t>(keys.size());
  const bpf_map_batch_opts options = batch_options();
  return bpf_map_update_batch(map, keys.data(), values.data(), &count, &options) == 0 &&
         count == keys.size();
}

}  // namespace

void remove_endpoints(int map, const std::vector<yett_endpoint_key>& keys, MapCalls calls) {
  if (keys.empty()) return;
  auto count = static_cast<std::uint32_t>(keys.size());
  const bpf_map_batch_opts options = batch_options();
  if (calls == MapCalls::in_batches &&
      bpf_map_delete_batch(map, keys.data(), &count, &options) == 0 && count == keys.size())
    return;
  for (const yett_endpoint_key& key : keys) bpf_map_delete_elem(map, &key);
}

// SECURITY(names-bound): what goes, goes first, and whatever else fails.
Status write_endpoints(int map, const char* name, const std::vector<EndpointEntry>& table,
                       std::vector<yett_endpoint_key>& held, MapCalls calls) {
  // What a part of it that was written leaves behind is written again, entry by entry.
  if (held.empty() && !table.empty() && calls == MapCalls::in_batches &&
      write_at_once(map, table)) {
    held = keys_of(table);
    return {};
  }
  MapWriter writer(map, name);
  Keys wanted;
  for (const EndpointEntry& entry : table) wanted.insert(entry.first);
  Keys standing;
  for (const yett_endpoint_key& key : held)
    if (wanted.contains(key) || !writer.remove(key)) standing.insert(key);
  for (const EndpointEntry& entry : table) {
    if (writer.write(entry)) {
      standing.insert(entry.first);
    } else if (standing.contains(entry.first) && is_one_address(entry.first)) {
      // It may allow ports that are no longer to be allowed there. Without it the shorter prefix
      // decides, which allows nothing that this one would not.
      if (writer.remove(entry.first)) standing.erase(entry.first);
    }
  }
  held.assign(standing.begin(), standing.end());
  return writer.status();
}

}  // namespace yett
