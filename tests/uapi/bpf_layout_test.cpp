// The structs shared with the kernel programs: their layout as C++ sees it, as it must stay, and as
// the built BPF objects say in their own type information.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <yett/cgroup.skel.h>
#include <yett/lsm.skel.h>
#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "ioctl_uapi/lsm_event.h"
#include "ioctl_uapi/lsm_policy.h"

namespace yett {
namespace {

static_assert(sizeof(yett_label) == 8);
static_assert(sizeof(yett_policy) == 32 && offsetof(yett_policy, owner_start) == 24);
static_assert(sizeof(yett_root_key) == 16 && offsetof(yett_root_key, tag) == 8);
static_assert(sizeof(yett_written) == 8);
static_assert(sizeof(yett_endpoint_key) == 28 && offsetof(yett_endpoint_key, address) == 12);
static_assert(sizeof(yett_endpoint_value) == 4 + 4 * YETT_PORT_RANGES);
static_assert(sizeof(yett_cgroup_policy) == 8);
static_assert(sizeof(yett_counts) == 16);
static_assert(sizeof(yett_event) == 264 && offsetof(yett_event, object) == 72);
// The fixed part of an endpoint key, in bits after prefix_length.
static_assert((offsetof(yett_endpoint_key, address) - offsetof(yett_endpoint_key, policy)) * 8 ==
              YETT_ENDPOINT_FIXED_BITS);

struct Closer {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

using Fields = std::map<std::string, std::size_t>;

// Field -> offset in bytes, and "" -> size, of struct `name` in the object's type information.
Fields fields_in_object(const void* elf, std::size_t size, const char* name) {
  const std::unique_ptr<bpf_object, Closer> object(bpf_object__open_mem(elf, size, nullptr));
  Fields fields;
  if (!object) return fields;
  const btf* types = bpf_object__btf(object.get());
  const int id = btf__find_by_name_kind(types, name, BTF_KIND_STRUCT);
  if (id < 0) return fields;
  const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
  fields[""] = type->size;
  for (std::uint32_t i = 0; i < btf_vlen(type); ++i)
    fields[btf__name_by_offset(types, btf_members(type)[i].name_off)] =
        btf_member_bit_offset(type, i) / 8;
  return fields;
}

Fields in_lsm(const char* name) {
  std::size_t size = 0;
  const void* elf = yett_lsm__elf_bytes(&size);
  return fields_in_object(elf, size, name);
}

Fields in_cgroup(const char* name) {
  std::size_t size = 0;
  const void* elf = yett_cgroup__elf_bytes(&size);
  return fields_in_object(elf, size, name);
}

#define FIELD(type, field) {#field, offsetof(type, field)}

TEST(BpfLayout, PoliciesAreReadAsTheyAreWritten) {
  EXPECT_EQ(
      in_lsm("yett_label"),
      (Fields{{"", sizeof(yett_label)}, FIELD(yett_label, policy), FIELD(yett_label, generation)}));
  EXPECT_EQ(in_lsm("yett_policy"), (Fields{{"", sizeof(yett_policy)},
                                           FIELD(yett_policy, magic),
                                           FIELD(yett_policy, generation),
                                           FIELD(yett_policy, flags),
                                           FIELD(yett_policy, event_slot),
                                           FIELD(yett_policy, owner_pid),
                                           FIELD(yett_policy, rules),
                                           FIELD(yett_policy, owner_start)}));
  EXPECT_EQ(in_lsm("yett_root_key"), (Fields{{"", sizeof(yett_root_key)},
                                             FIELD(yett_root_key, policy),
                                             FIELD(yett_root_key, padding),
                                             FIELD(yett_root_key, tag)}));
  EXPECT_EQ(in_lsm("yett_written"), (Fields{{"", sizeof(yett_written)},
                                            FIELD(yett_written, policy),
                                            FIELD(yett_written, generation)}));
  EXPECT_EQ(in_lsm("yett_counts"), (Fields{{"", sizeof(yett_counts)},
                                           FIELD(yett_counts, refused),
                                           FIELD(yett_counts, lost_events)}));
}

TEST(BpfLayout, EndpointsAreReadAsTheyAreWritten) {
  const Fields key{{"", sizeof(yett_endpoint_key)},    FIELD(yett_endpoint_key, prefix_length),
                   FIELD(yett_endpoint_key, policy),   FIELD(yett_endpoint_key, direction),
                   FIELD(yett_endpoint_key, protocol), FIELD(yett_endpoint_key, rules),
                   FIELD(yett_endpoint_key, padding),  FIELD(yett_endpoint_key, address)};
  const Fields value{{"", sizeof(yett_endpoint_value)},
                     FIELD(yett_endpoint_value, count),
                     FIELD(yett_endpoint_value, ranges)};
  EXPECT_EQ(in_lsm("yett_endpoint_key"), key);
  EXPECT_EQ(in_cgroup("yett_endpoint_key"), key);
  EXPECT_EQ(in_lsm("yett_endpoint_value"), value);
  EXPECT_EQ(in_cgroup("yett_endpoint_value"), value);
  EXPECT_EQ(in_cgroup("yett_cgroup_policy"), (Fields{{"", sizeof(yett_cgroup_policy)},
                                                     FIELD(yett_cgroup_policy, flags),
                                                     FIELD(yett_cgroup_policy, rules)}));
}

TEST(BpfLayout, EventsAreReadAsTheyAreWritten) {
  const Fields event{
      {"", sizeof(yett_event)},      FIELD(yett_event, time_ns), FIELD(yett_event, policy),
      FIELD(yett_event, generation), FIELD(yett_event, pid),     FIELD(yett_event, error),
      FIELD(yett_event, hook),       FIELD(yett_event, reason),  FIELD(yett_event, family),
      FIELD(yett_event, port),       FIELD(yett_event, address), FIELD(yett_event, detail),
      FIELD(yett_event, protocol),   FIELD(yett_event, padding), FIELD(yett_event, comm),
      FIELD(yett_event, object)};
  EXPECT_EQ(in_lsm("yett_event"), event);
  EXPECT_EQ(in_cgroup("yett_event"), event);
}

}  // namespace
}  // namespace yett
