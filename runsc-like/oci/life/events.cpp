#include "runsc-like/oci/life/events.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "runsc-like/oci/state/json_writer.hpp"
#include "sandbox/container/container_cgroup.hpp"
#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/host/probe_parts.hpp"

namespace yett::oci {
namespace {

using Clock = std::chrono::steady_clock;

struct RunningContainer {
  ContainerState state;
  CgroupFeatures cgroups;
};

Result<RunningContainer> find_running(const ContainerStore& store, const std::string& id) {
  YETT_TRY(const ContainerDirectory directory, store.open(id));
  YETT_TRY(ContainerState state, directory.read_state());
  if (find_status(directory, state) == ContainerStatus::stopped)
    return fail(
        Error{.kind = ErrorKind::target_gone, .subject = id, .detail = "container not running"});
  YETT_CHECK(check_has_cgroup(state));
  return RunningContainer{.state = std::move(state), .cgroups = probe_cgroups()};
}

std::string statistics_line(const RunningContainer& container) {
  return statistics_event(container.state.id, read_container_statistics(
                                                  container.cgroups, container.state.cgroup_path));
}

std::string oom_line(const std::string& id) {
  JsonWriter json;
  return json.begin_object().member("type", "oom").member("id", id).end_object().text();
}

// A descriptor that shows when the kernel killed for memory. cgroup v1: an eventfd that is named to
// the controller; v2: memory.events itself, whose changes are POLLPRI.
class OutOfMemory {
 public:
  explicit OutOfMemory(const RunningContainer& container)
      : directory_(cgroup_directory_of(container.cgroups, "memory", container.state.cgroup_path)) {
    if (directory_.empty()) return;
    if (controller_is_v2(container.cgroups, "memory"))
      watch_v2();
    else
      watch_v1();
  }
  [[nodiscard]] struct pollfd to_poll() const {
    return {
        .fd = watched_.get(), .events = static_cast<short>(v2_ ? POLLPRI : POLLIN), .revents = 0};
  }
  // After the descriptor has shown something: was it that?
  [[nodiscard]] bool happened() {
    if (v2_) {
      const std::uint64_t before = kills_;
      kills_ = read_kills();
      return kills_ != before;
    }
    std::uint64_t count = 0;
    const bool counted = ::read(watched_.get(), &count, sizeof count) == sizeof count;
    // The directory's end shows as an event too.
    return counted && ::access(directory_.c_str(), F_OK) == 0;
  }

 private:
  void watch_v1() {
    control_.reset(::open((directory_ + "/memory.oom_control").c_str(), O_RDONLY | O_CLOEXEC));
    UniqueFd told(::eventfd(0, EFD_CLOEXEC));
    if (!control_.valid() || !told.valid()) return;
    const Status named =
        write_cgroup_file(directory_, "cgroup.event_control",
                          std::to_string(told.get()) + " " + std::to_string(control_.get()));
    if (named) watched_ = std::move(told);
  }
  void watch_v2() {
    v2_ = true;
    watched_.reset(::open((directory_ + "/memory.events").c_str(), O_RDONLY | O_CLOEXEC));
    kills_ = read_kills();
  }
  // Reading it also arms the next notification.
  std::uint64_t read_kills() const {
    std::array<char, 1024> text{};
    const ssize_t got = ::pread(watched_.get(), text.data(), text.size() - 1, 0);
    return got <= 0 ? kills_ : cgroup_figure(text.data(), "oom_kill").value_or(0);
  }

  std::string directory_;
  UniqueFd control_;
  UniqueFd watched_;
  bool v2_ = false;
  std::uint64_t kills_ = 0;
};

int milliseconds_until(Clock::time_point next) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace

Result<std::string> statistics_of(const ContainerStore& store, const std::string& id) {
  YETT_TRY(const RunningContainer container, find_running(store, id));
  return statistics_line(container);
}

Status watch_events(const ContainerStore& store, const std::string& id,
                    std::chrono::milliseconds interval, const TellEvent& tell) {
  YETT_TRY(const RunningContainer container, find_running(store, id));
  YETT_TRY(const UniqueFd process, open_container_process(container.state));
  OutOfMemory out_of_memory(container);
  auto next = Clock::now() + interval;
  for (;;) {
    std::array<struct pollfd, 2> ready{
        {{.fd = process.get(), .events = POLLIN, .revents = 0}, out_of_memory.to_poll()}};
    const int count = ::poll(ready.data(), ready.size(), milliseconds_until(next));
    if (count < 0 && errno != EINTR) return fail(errno_error("poll"));
    if (ready[1].revents != 0 && out_of_memory.happened()) tell(oom_line(id));
    if (ready[0].revents != 0) return {};
    if (Clock::now() < next) continue;
    tell(statistics_line(container));
    next = Clock::now() + interval;
  }
}

}  // namespace yett::oci
