// The files that tell a sandbox its limits as the machine's: a small tmpfs of the supervisor's,
// whose files the launch binds read-only over the sandbox's own of /proc and /sys. Each read of one
// is announced to the supervisor (fanotify) and waits until the contents are of this moment, so
// that nothing runs for a sandbox that does not look. Reasons: docs/decisions/0027-told-limits.md.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/token_bucket.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/truth/machine_figures.hpp"

namespace yett {

class TruthFiles {
 public:
  // A read costs the supervisor 10 to 20 us, which no limit of the sandbox counts: so many at once,
  // then one each interval. SECURITY(read-budget)
  static constexpr int kReadBurst = 1000;
  static constexpr std::chrono::microseconds kReadInterval{200};

  // The tmpfs with its files, all empty. Preconditions: root of the host; only the calling thread
  // makes files meanwhile (it takes the umask away for as long).
  [[nodiscard]] static Result<TruthFiles> make(const SandboxPlan& plan);
  TruthFiles(TruthFiles&&) = default;
  TruthFiles& operator=(TruthFiles&&) = default;
  ~TruthFiles() = default;

  // For the launch: detached, with the files' own names ("proc/meminfo", "sys") below.
  [[nodiscard]] BorrowedFd mount() const { return mount_.borrow(); }

  // The first contents; reads are announced from now on. To be called before anything of the
  // sandbox's runs. Errors: this kernel announces no reads.
  [[nodiscard]] Status fill(CgroupText cgroup);

  // Other limits are told from now on.
  void take_limits(std::shared_ptr<const SandboxPlan> plan);

  // Readable: a read waits for serve(). Invalid: none of the files changes.
  [[nodiscard]] BorrowedFd reads() const { return reads_.borrow(); }
  // Rewrites what is older than 10 ms and lets the waiting reads go on. They go on as well when
  // this object goes, and find what was written last. Takes its
  // time over a flood of them: 35 ms at most.
  void serve();
  // Readers that a supervisor which is no more has let wait: in who takes over from it.
  void let_readers_go() const;

 private:
  enum File : std::uint8_t {
    meminfo,
    stat,
    loadavg,
    uptime,
    swaps,
    memory_current,
    pids_current,
    changing,  // how many change with time
    cpuinfo = changing,
    online,
    possible,
    present,
    version,
    osrelease,
    os_version,
    controllers,
    memory_max,
    swap_max,
    cpu_max,
    pids_max,
    count
  };
  struct Place {
    File file;
    const char* path;
  };
  static const std::array<Place, count> kPlaces;

  explicit TruthFiles(const SandboxPlan& plan) : plan_(&plan), gauge_(plan) {}
  [[nodiscard]] Status make_tree();
  [[nodiscard]] Status announce_reads();
  void write(File file, std::string_view text);
  void write_fixed();
  void write_limits();
  void write_kernel();
  void write_changing();

  const SandboxPlan* plan_;
  std::shared_ptr<const SandboxPlan> swapped_;  // null: the one of the start
  MachineGauge gauge_;
  CgroupText cgroup_;
  UniqueFd mount_;
  UniqueFd reads_;
  std::array<UniqueFd, count> files_;
  std::int64_t written_ms_ = 0;  // CLOCK_MONOTONIC_COARSE
  TokenBucket budget_{kReadBurst, kReadInterval};
};

}  // namespace yett
