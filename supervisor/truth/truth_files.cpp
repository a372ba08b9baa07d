#include "supervisor/truth/truth_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "base/scope_exit.hpp"
#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/guard/mount_entry_child.hpp"
#include "sandbox/host/read_file.hpp"
#include "supervisor/truth/machine_text.hpp"

namespace yett {
namespace {

constexpr std::int64_t kFreshMs = 10;
constexpr std::uint64_t kTreeBytes = 4ULL << 20;  // what /proc/cpuinfo of the largest hosts takes
constexpr const char* kDirectories[] = {
    "proc",   "sys",          "sys/devices", "sys/devices/system", "sys/devices/system/cpu",
    "sys/fs", "sys/fs/cgroup"};

std::int64_t coarse_milliseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

std::string number_or_max(const std::optional<std::uint64_t>& limit) {
  return limit ? fmt::format("{}\n", *limit) : "max\n";
}

}  // namespace

const std::array<TruthFiles::Place, TruthFiles::count> TruthFiles::kPlaces{{
    {meminfo, "proc/meminfo"},
    {stat, "proc/stat"},
    {loadavg, "proc/loadavg"},
    {uptime, "proc/uptime"},
    {swaps, "proc/swaps"},
    {memory_current, "sys/fs/cgroup/memory.current"},
    {pids_current, "sys/fs/cgroup/pids.current"},
    {cpuinfo, "proc/cpuinfo"},
    {online, "sys/devices/system/cpu/online"},
    {possible, "sys/devices/system/cpu/possible"},
    {present, "sys/devices/system/cpu/present"},
    {version, "proc/version"},
    {osrelease, "proc/osrelease"},
    {os_version, "proc/os_version"},
    {controllers, "sys/fs/cgroup/cgroup.controllers"},
    {memory_max, "sys/fs/cgroup/memory.max"},
    {swap_max, "sys/fs/cgroup/memory.swap.max"},
    {cpu_max, "sys/fs/cgroup/cpu.max"},
    {pids_max, "sys/fs/cgroup/pids.max"},
}};

Result<TruthFiles> TruthFiles::make(const SandboxPlan& plan) {
  TruthFiles files(plan);
  YETT_CHECK(files.make_tree());
  return files;
}

// SECURITY(truth-read-only): the files are host root's, nobody else may write them, and what the
// sandbox is given of them is a read-only mount.
Status TruthFiles::make_tree() {
  constexpr std::uint64_t kAttributes =
      mount_flags::kNoSuid | mount_flags::kNoDev | mount_flags::kNoExec;
  const int mount = make_tmpfs({.size_bytes = kTreeBytes}, 0, 0, kAttributes);
  if (mount < 0) return fail(errno_error(-mount, "mount", "tmpfs for the sandbox's /proc files"));
  mount_ = UniqueFd(mount);
  const mode_t before = ::umask(0);
  const ScopeExit restore([before] { ::umask(before); });
  for (const char* directory : kDirectories)
    if (::mkdirat(mount, directory, 0755) != 0) return fail(errno_error("mkdir", directory));
  for (const Place& place : kPlaces) {
    UniqueFd file(::openat(mount, place.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    if (!file.valid()) return fail(errno_error("create", place.path));
    files_[place.file] = std::move(file);
  }
  return {};
}

Status TruthFiles::fill(CgroupText cgroup) {
  cgroup_ = std::move(cgroup);
  write_fixed();
  write_kernel();
  const CgroupPlan& limits = plan_->cgroup;
  if (!limits.memory_bytes && !limits.cpus) return {};  // only uname is told
  write_limits();
  write_changing();
  return announce_reads();
}

// Of the whole tmpfs: it holds these files and no others.
Status TruthFiles::announce_reads() {
  UniqueFd reads(
      ::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC));
  if (!reads.valid() || ::fanotify_mark(reads.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
                                        FAN_ACCESS_PERM, files_[meminfo].get(), nullptr) != 0)
    return fail(host_error("announce reads of /proc/meminfo", ::strerror(errno),
                           errno == EMFILE ? "raise fs.fanotify.max_user_groups, one for each such "
                                             "sandbox; or write [truth] resources = \"host\""
                                           : "this takes CONFIG_FANOTIFY_ACCESS_PERMISSIONS; or "
                                             "write [truth] resources = \"host\""));
  reads_ = std::move(reads);
  return {};
}

void TruthFiles::take_limits(std::shared_ptr<const SandboxPlan> plan) {
  if (!reads_.valid()) return;
  swapped_ = std::move(plan);
  plan_ = swapped_.get();
  gauge_.take_limits(*plan_);
  write_fixed();
  write_limits();
  write_changing();
}

void TruthFiles::serve() {
  if (coarse_milliseconds() - written_ms_ >= kFreshMs) write_changing();
  alignas(fanotify_event_metadata) std::array<char, 4096> buffer;
  const ssize_t size = ::read(reads_.get(), buffer.data(), buffer.size());
  auto left = static_cast<long>(size);
  auto* event = reinterpret_cast<fanotify_event_metadata*>(buffer.data());
  for (; FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
    if (event->fd < 0) continue;
    const UniqueFd file(event->fd);
    const fanotify_response answer{.fd = event->fd, .response = FAN_ALLOW};
    budget_.wait();
    if (::write(reads_.get(), &answer, sizeof answer) < 0) continue;  // its reader is gone
  }
}

// The kernel knows a reader that waits by the number that its file had in who was told of it, and
// forgets it with the last descriptor of the group alone, which is ours. fanotify(7). Other numbers
// are ENOENT.
void TruthFiles::let_readers_go() const {
  if (!reads_.valid()) return;
  constexpr int kMostDescriptors = 4096;
  for (int fd = 0; fd < kMostDescriptors; ++fd) {
    const fanotify_response answer{.fd = fd, .response = FAN_ALLOW};
    if (::write(reads_.get(), &answer, sizeof answer) < 0) continue;
  }
}

// In one piece: who reads at the same moment sees lines of before and of after, never none.
void TruthFiles::write(File file, std::string_view text) {
  const int fd = files_[file].get();
  if (::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) return;
  struct stat status{};
  const auto size = static_cast<off_t>(text.size());
  if (::fstat(fd, &status) != 0 || status.st_size <= size) return;
  if (::ftruncate(fd, size) != 0) return;  // cannot fail on a tmpfs
}

// `possible` and `present` are the host's: programs size tables by them that they index with the
// number of the CPU they run on, and that one is always true (vDSO, rseq).
void TruthFiles::write_fixed() {
  const std::vector<unsigned> shown = first_cpus(plan_->emulation.cpus);
  write(online, cpu_list_text(shown));
  const std::string directory = "/sys/devices/system/cpu/";
  write(possible, read_file(directory + "possible").value_or(cpu_list_text(shown)));
  write(present, read_file(directory + "present").value_or(cpu_list_text(shown)));
  if (plan_->emulation.cpus != 0)
    write(cpuinfo, cpuinfo_text(read_file("/proc/cpuinfo").value_or(""), shown));
}

void TruthFiles::write_limits() {
  const CgroupPlan& limits = plan_->cgroup;
  write(controllers, "cpu memory pids\n");
  write(memory_max, number_or_max(limits.memory_bytes));
  write(swap_max, number_or_max(limits.swap_bytes));
  write(pids_max, number_or_max(limits.pids));
  constexpr std::uint64_t kPeriodUs = 100'000;
  const auto quota =
      limits.cpus
          ? std::optional(static_cast<std::uint64_t>(*limits.cpus * static_cast<double>(kPeriodUs)))
          : std::nullopt;
  write(cpu_max,
        quota ? fmt::format("{} {}\n", *quota, kPeriodUs) : fmt::format("max {}\n", kPeriodUs));
}

void TruthFiles::write_kernel() {
  const EmulationPlan& told = plan_->emulation;
  if (!told.uname) return;
  write(version, fmt::format("Linux version {} {}\n", told.release, told.version));
  write(osrelease, told.release + "\n");
  write(os_version, told.version + "\n");
}

void TruthFiles::write_changing() {
  const MachineFigures figures = gauge_.look(cgroup_);
  write(meminfo, meminfo_text(figures.memory));
  write(swaps, swaps_text(figures.memory));
  write(stat, stat_text(figures));
  write(loadavg, loadavg_text(figures));
  write(uptime, uptime_text(figures));
  write(memory_current, fmt::format("{}\n", figures.memory.used));
  write(pids_current, fmt::format("{}\n", figures.processes));
  written_ms_ = coarse_milliseconds();
}

}  // namespace yett
