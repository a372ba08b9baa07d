#include "supervisor/lsm/kernel_planes.hpp"

#include <bpf/libbpf.h>

#include <ctime>
#include <optional>

#include "supervisor/lsm/bpf_object.hpp"
#include "supervisor/lsm/cgroup_programs.hpp"
#include "supervisor/lsm/event_record.hpp"
#include "supervisor/lsm/lsm_entry.hpp"
#include "supervisor/lsm/lsm_programs.hpp"

namespace yett {
namespace {

std::int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

struct KernelPlanes::State {
  std::string sandbox;
  std::optional<LsmEntry> lsm;
  std::optional<CgroupPrograms> cgroup;
  RingBuffer rings;
  const std::function<void(const AuditRecord&)>* take = nullptr;  // while draining

  [[nodiscard]] Status add_ring(BorrowedFd ring, ring_buffer_sample_fn on_event);
  [[nodiscard]] Status open_rings();
  void hand_over(const yett_event& event, const char* plane) const;

  static int on_lsm_event(void* state, void* data, std::size_t size);
  static int on_cgroup_event(void* state, void* data, std::size_t size);
};

void KernelPlanes::State::hand_over(const yett_event& event, const char* plane) const {
  if (take == nullptr) return;
  const std::int64_t offset = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
  (*take)(make_event_record(event, sandbox, plane, offset));
}

// A ring's earlier owner may have left events behind; they carry another label.
int KernelPlanes::State::on_lsm_event(void* context, void* data, std::size_t size) {
  const auto& state = *static_cast<State*>(context);
  const auto& event = *static_cast<const yett_event*>(data);
  const bool ours = size >= sizeof event && state.lsm &&
                    event.policy == state.lsm->identity().policy &&
                    event.generation == state.lsm->identity().generation;
  if (ours) state.hand_over(event, plane_name(Plane::bpf_lsm));
  return 0;
}

int KernelPlanes::State::on_cgroup_event(void* context, void* data, std::size_t size) {
  const auto& event = *static_cast<const yett_event*>(data);
  if (size >= sizeof event)
    static_cast<State*>(context)->hand_over(event, plane_name(Plane::cgroup_bpf));
  return 0;
}

Status KernelPlanes::State::add_ring(BorrowedFd ring, ring_buffer_sample_fn on_event) {
  if (!ring.valid()) return {};
  int result = 0;
  if (rings) {
    result = ring_buffer__add(rings.get(), ring.get(), on_event, this);
  } else {
    rings.reset(ring_buffer__new(ring.get(), on_event, this, nullptr));
    if (!rings) result = -errno;
  }
  if (result == 0) return {};
  return fail(bpf_error(result, "read BPF events", sandbox));
}

Status KernelPlanes::State::open_rings() {
  if (lsm) YETT_CHECK(add_ring(lsm->ring(), on_lsm_event));
  if (cgroup) YETT_CHECK(add_ring(cgroup->ring(), on_cgroup_event));
  return {};
}

KernelPlanes::KernelPlanes() = default;
KernelPlanes::KernelPlanes(KernelPlanes&&) noexcept = default;
KernelPlanes& KernelPlanes::operator=(KernelPlanes&&) noexcept = default;
KernelPlanes::~KernelPlanes() = default;

Result<KernelPlanes> KernelPlanes::make(const SandboxPlan& plan, BorrowedFd cgroup) {
  KernelPlanes planes;
  if (!plan.lsm.labelled && !plan.cgroup_bpf.attached) return planes;
  planes.state_ = std::make_unique<State>();
  planes.state_->sandbox = plan.sandbox;
  if (plan.lsm.labelled) {
    YETT_TRY(LsmMaps maps, open_lsm_programs());
    YETT_TRY(LsmEntry entry, LsmEntry::make(plan.lsm, std::move(maps)));
    planes.state_->lsm.emplace(std::move(entry));
  }
  if (plan.cgroup_bpf.attached) {
    YETT_TRY(CgroupPrograms programs, CgroupPrograms::attach(plan.cgroup_bpf, cgroup));
    planes.state_->cgroup.emplace(std::move(programs));
  }
  YETT_CHECK(planes.state_->open_rings());
  return planes;
}

Status KernelPlanes::label(BorrowedFd init_pidfd, BorrowedFd root) {
  if (!state_ || !state_->lsm) return {};
  return state_->lsm->label(init_pidfd, root);
}

Status KernelPlanes::belong_to(BorrowedFd process) {
  if (!state_->lsm) return {};
  return state_->lsm->belong_to(process);
}

Status KernelPlanes::label_more(BorrowedFd pidfd) {
  if (!state_->lsm) return {};
  return state_->lsm->label_more(pidfd);
}

Status KernelPlanes::set_more_connect(const std::vector<EndpointRule>& more) {
  // Both, whatever becomes of the first: what has to go shall go everywhere.
  Status by_lsm;
  Status by_cgroup;
  if (state_ && state_->lsm) by_lsm = state_->lsm->set_more_connect(more);
  if (state_ && state_->cgroup) by_cgroup = state_->cgroup->set_more_connect(more);
  return by_lsm ? by_cgroup : by_lsm;
}

// Where two planes hold the rules, what both sets allow is allowed throughout.
Status KernelPlanes::replace_rules(const Rules& running, const Rules& wanted) {
  if (!state_) return {};
  if (state_->cgroup)
    YETT_CHECK(state_->cgroup->replace_rules(wanted.plan->cgroup_bpf, wanted.more));
  if (!state_->lsm) return {};
  Status by_lsm = state_->lsm->replace_rules(wanted.plan->lsm, wanted.more);
  if (by_lsm || !state_->cgroup) return by_lsm;
  if (!state_->cgroup->replace_rules(running.plan->cgroup_bpf, running.more))
    by_lsm.error().detail += "; cgroup-bpf has the new rules, bpf-lsm the old ones";
  return by_lsm;
}

BorrowedFd KernelPlanes::events() const {
  return state_ && state_->rings ? BorrowedFd(ring_buffer__epoll_fd(state_->rings.get()))
                                 : BorrowedFd();
}

void KernelPlanes::drain(const std::function<void(const AuditRecord&)>& take) {
  if (!state_ || !state_->rings) return;
  state_->take = &take;
  ring_buffer__consume(state_->rings.get());
  state_->take = nullptr;
}

std::uint64_t KernelPlanes::lost_events() const {
  if (!state_) return 0;
  std::uint64_t lost = 0;
  if (state_->lsm) lost += state_->lsm->counts().lost_events;
  if (state_->cgroup) lost += state_->cgroup->counts().lost_events;
  return lost;
}

Status unload_kernel_planes() { return remove_lsm_programs(); }

}  // namespace yett
