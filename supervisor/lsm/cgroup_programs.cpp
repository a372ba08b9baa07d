#include "supervisor/lsm/cgroup_programs.hpp"

#include <bpf/bpf.h>

#include <yett/cgroup.skel.h>
#include <algorithm>
#include <cerrno>
#include <span>

namespace yett {
namespace {

constexpr const char* kEndpoints = "yett_cgroup_endpoints";
constexpr const char* kAddresses = "yett_cgroup_addresses";

std::span<const std::byte> object_bytes() {
  std::size_t size = 0;
  const void* bytes = yett_cgroup__elf_bytes(&size);
  return {static_cast<const std::byte*>(bytes), size};
}

// Rules of one direction close the other: what no rule names is refused.
bool restricts_network(const CgroupBpfPlan& plan) {
  return !plan.connect.empty() || !plan.listen.empty() || !plan.restrict_devices;
}

void select_programs(bpf_object& object, const CgroupBpfPlan& plan) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, &object) {
    const bool devices = bpf_program__type(program) == BPF_PROG_TYPE_CGROUP_DEVICE;
    bpf_program__set_autoload(program, devices ? plan.restrict_devices : restricts_network(plan));
  }
}

// Room for the rules that it starts with, and no more: it takes 16 bytes for each entry that it
// could have. What comes later finds room in the trie.
Status make_room_for(const CgroupBpfPlan& plan, bpf_object& object) {
  const std::size_t rules = plan.connect.size() + plan.listen.size();
  bpf_map* addresses = bpf_object__find_map_by_name(&object, kAddresses);
  const int result =
      addresses == nullptr
          ? -ENOENT
          : bpf_map__set_max_entries(
                addresses, static_cast<std::uint32_t>(std::clamp<std::size_t>(rules, 1, 65536)));
  if (result == 0) return {};
  return fail(bpf_error(result, "size BPF map", kAddresses));
}

}  // namespace

Result<CgroupPrograms> CgroupPrograms::attach(const CgroupBpfPlan& plan, BorrowedFd cgroup) {
  YETT_TRY(BpfObject object, open_bpf_object("yett_cgroup", object_bytes()));
  select_programs(*object, plan);
  YETT_CHECK(make_room_for(plan, *object));
  if (const int result = bpf_object__load(object.get()); result != 0)
    return fail(bpf_error(result, "load cgroup BPF programs", {}));
  CgroupPrograms programs(std::move(object), plan);
  YETT_CHECK(programs.arm());
  YETT_CHECK(programs.attach_all(cgroup));
  return programs;
}

int CgroupPrograms::map(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name);
}

EndpointMaps CgroupPrograms::endpoint_maps() const {
  return {.prefixes = map(kEndpoints), .addresses = map(kAddresses)};
}

Status CgroupPrograms::set_more_connect(const std::vector<EndpointRule>& more) {
  return endpoints_.set_more_connect(endpoint_maps(), more);
}

Status CgroupPrograms::replace_rules(const CgroupBpfPlan& plan,
                                     const std::vector<EndpointRule>& more) {
  return endpoints_.replace(endpoint_maps(), {.connect = plan.connect, .listen = plan.listen}, more,
                            [this](std::uint8_t number) { return name_rules(number); });
}

// Only one byte of what stands there changes, so no program ever reads half of it.
Status CgroupPrograms::name_rules(std::uint8_t number) {
  yett_cgroup_policy policy{.flags = YETT_CGROUP_ARMED, .rules = number};
  if (restricts_network(plan_)) policy.flags |= YETT_CGROUP_NETWORK;
  if (plan_.restrict_devices) policy.flags |= YETT_CGROUP_DEVICES;
  const std::uint32_t zero = 0;
  if (bpf_map_update_elem(map("yett_cgroup_policies"), &zero, &policy, BPF_ANY) != 0)
    return fail(bpf_error(-errno, "write BPF map", "yett_cgroup_policies"));
  return {};
}

Status CgroupPrograms::arm() {
  YETT_CHECK(set_more_connect({}));
  return name_rules(endpoints_.number());
}

// Not by links: a link dies with us, an attached program stays until its cgroup is removed.
Status CgroupPrograms::attach_all(BorrowedFd cgroup) const {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    if (!bpf_program__autoload(program)) continue;
    const int result =
        bpf_prog_attach(bpf_program__fd(program), cgroup.get(),
                        bpf_program__expected_attach_type(program), BPF_F_ALLOW_MULTI);
    if (result != 0)
      return fail(bpf_error(-errno, "attach to the sandbox's cgroup", bpf_program__name(program)));
  }
  return {};
}

BorrowedFd CgroupPrograms::ring() const { return BorrowedFd(map("yett_cgroup_events")); }

yett_counts CgroupPrograms::counts() const {
  yett_counts counts{};
  const std::uint32_t zero = 0;
  bpf_map_lookup_elem(map("yett_cgroup_counts"), &zero, &counts);
  return counts;
}

}  // namespace yett
