#include "supervisor/lsm/endpoint_map.hpp"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

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

bool is_hashed(EndpointMaps maps, const yett_endpoint_key& key) {
  return maps.addresses >= 0 && is_one_address(key);
}

bool is_gone(int map, const yett_endpoint_key& key) {
  return bpf_map_delete_elem(map, &key) == 0 || errno == ENOENT;
}

// Keeps the first error; all the rest is done nonetheless.
class MapWriter {
 public:
  MapWriter(EndpointMaps maps, const char* name) : maps_(maps), name_(name) {}

  bool remove(const yett_endpoint_key& key) {
    const bool from_hash = !is_hashed(maps_, key) || is_gone(maps_.addresses, key) || failed();
    return (is_gone(maps_.prefixes, key) || failed()) && from_hash;
  }
  // What the hash table has it keeps: it is asked first, so nothing newer may stand in the trie.
  bool write(const EndpointEntry& entry) {
    if (is_hashed(maps_, entry.first)) {
      if (bpf_map_update_elem(maps_.addresses, &entry.first, &entry.second, BPF_ANY) == 0)
        return true;
      if (errno != E2BIG) return failed();
    }
    return bpf_map_update_elem(maps_.prefixes, &entry.first, &entry.second, BPF_ANY) == 0 ||
           failed();
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

  EndpointMaps maps_;
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

// Some hundred entries of one map: the kernel takes no longer for them than for all at once, and
// they are copied within the cache.
class Batch {
 public:
  explicit Batch(int map) : map_(map) {}

  // False: this one's or an earlier one's batch was not written as a whole.
  bool add(const EndpointEntry& entry) {
    keys_[count_] = entry.first;
    values_[count_] = entry.second;
    ++count_;
    return count_ < kMost || write();
  }
  bool write() {
    const std::uint32_t wanted = std::exchange(count_, 0U);
    if (wanted == 0) return true;
    std::uint32_t written = wanted;
    const bpf_map_batch_opts options = batch_options();
    return bpf_map_update_batch(map_, keys_.data(), values_.data(), &written, &options) == 0 &&
           written == wanted;
  }

 private:
  static constexpr std::uint32_t kMost = 256;
  int map_;
  std::uint32_t count_ = 0;
  std::array<yett_endpoint_key, kMost> keys_{};
  std::array<yett_endpoint_value, kMost> values_{};
};

// False: not all of it, or the kernel has no such call for this kind of map (before Linux 5.14).
bool write_at_once(EndpointMaps maps, const std::vector<EndpointEntry>& table) {
  Batch prefixes(maps.prefixes);
  Batch addresses(maps.addresses);
  for (const EndpointEntry& entry : table)
    if (!(is_hashed(maps, entry.first) ? addresses : prefixes).add(entry)) return false;
  return prefixes.write() && addresses.write();
}

bool remove_at_once(int map, const std::vector<yett_endpoint_key>& keys) {
  auto count = static_cast<std::uint32_t>(keys.size());
  const bpf_map_batch_opts options = batch_options();
  return keys.empty() ||
         (bpf_map_delete_batch(map, keys.data(), &count, &options) == 0 && count == keys.size());
}

}  // namespace

void remove_endpoints(EndpointMaps maps, const std::vector<yett_endpoint_key>& keys,
                      MapCalls calls) {
  std::vector<yett_endpoint_key> prefixes;
  std::vector<yett_endpoint_key> addresses;
  for (const yett_endpoint_key& key : keys)
    (is_hashed(maps, key) ? addresses : prefixes).push_back(key);
  if (calls == MapCalls::in_batches && remove_at_once(maps.prefixes, prefixes) &&
      remove_at_once(maps.addresses, addresses))
    return;
  MapWriter writer(maps, "");
  for (const yett_endpoint_key& key : keys) writer.remove(key);
}

// SECURITY(names-bound): what goes, goes first, and whatever else fails.
Status write_endpoints(EndpointMaps maps, const char* name, const std::vector<EndpointEntry>& table,
                       std::vector<yett_endpoint_key>& held, MapCalls calls) {
  // What a part of it that was written leaves behind is written again, entry by entry.
  if (held.empty() && !table.empty() && calls == MapCalls::in_batches &&
      write_at_once(maps, table)) {
    held = keys_of(table);
    return {};
  }
  MapWriter writer(maps, name);
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
