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

}  // namespace

// SECURITY(names-bound): what goes, goes first, and whatever else fails.
Status write_endpoints(int map, const char* name, const std::vector<EndpointEntry>& table,
                       std::vector<yett_endpoint_key>& held) {
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
