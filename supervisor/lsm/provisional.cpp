#include "supervisor/lsm/kernel_planes.hpp"
namespace yett {
struct KernelPlanes::State {};
KernelPlanes::KernelPlanes() = default;
KernelPlanes::KernelPlanes(KernelPlanes&&) noexcept = default;
KernelPlanes& KernelPlanes::operator=(KernelPlanes&&) noexcept = default;
KernelPlanes::~KernelPlanes() = default;
Result<KernelPlanes> KernelPlanes::make(const SandboxPlan&, BorrowedFd) { return fail(host_error("bpf", "not here yet")); }
Status KernelPlanes::label(BorrowedFd, BorrowedFd) { return {}; }
BorrowedFd KernelPlanes::events() const { return BorrowedFd(); }
void KernelPlanes::drain(const std::function<void(const AuditRecord&)>&) {}
std::uint64_t KernelPlanes::lost_events() const { return 0; }
Status probe_bpf_lsm() { return fail(host_error("bpf", "not here yet")); }
Status probe_cgroup_bpf(BorrowedFd) { return fail(host_error("bpf", "not here yet")); }
}
