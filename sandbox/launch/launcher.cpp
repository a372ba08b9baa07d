#include "sandbox/launch/launcher.hpp"

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "ioctl_uapi/clone.hpp"
#include "sandbox/guard/landlock_child.hpp"
#include "sandbox/launch/child_context.hpp"
#include "sandbox/launch/exec_strings.hpp"
#include "sandbox/launch/id_maps.hpp"
#include "sandbox/launch/launch_steps.hpp"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)  // Linux 5.19
#endif

namespace yett {
namespace {

// The network namespace comes later and from elsewhere: see FreshNetwork.
constexpr std::uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;

// What a mount that failed was for, in the plan's words.
std::string mount_subject(const SandboxPlan& plan, int index) {
  if (index < 0 || static_cast<std::size_t>(index) >= plan.mounts.size()) return {};
  const MountEntry& entry = plan.mounts[static_cast<std::size_t>(index)];
  if (index == 0) return plan.image_path.empty() ? "/" : plan.image_path;
  return entry.source.empty() ? entry.target : entry.source + " at " + entry.target;
}

Error step_error(const SandboxPlan& plan, const LaunchMessage& message) {
  Error error = errno_error(message.error, child_step_name(message.step));
  switch (message.step) {
    case ChildStep::root:
    case ChildStep::mounts:
      error.subject = mount_subject(plan, message.detail);
      break;
    case ChildStep::app_directory:
      error.subject = plan.process.working_directory;
      break;
    case ChildStep::exec:
      error.subject = plan.process.argv.front();
      break;
    default:
      break;
  }
  // In a tree mounted with an id map, the launch's own ids have no place.
  if (message.step == ChildStep::mounts && (message.error == EOVERFLOW || message.error == EROFS))
    error.mend =
        "its mount point does not exist in the volume that it lies in, and cannot be made "
        "there: make it on the host";
  if (message.step == ChildStep::app_directory)
    error.mend = message.error == ELOOP ? "no way through /proc/self/fd leads to one inside"
                                        : "give a directory that exists inside with -w";
  if (message.step == ChildStep::stdio && message.error == EISDIR)
    error.mend = "standard input, output or error is a directory, which would be a way out";
  return error;
}

// The network namespace is sent when it is made; the child asks for it only after its mounts.
LaunchResult<void> send_network(const SandboxPlan& plan, const LaunchInputs& inputs,
                                BorrowedFd socket) {
  if (plan.namespaces.network != NetworkNamespace::fresh) return {};
  std::optional<FreshNetwork> own;
  if (inputs.network == nullptr) own = FreshNetwork::start();
  Result<UniqueFd> made = own ? own->take() : inputs.network->take();
  if (!made) return launch_failure(std::move(made).error(), ChildStep::network);
  const LaunchMessage message{.kind = LaunchMessageKind::network};
  const ChildResult sent = send_launch_message(socket.get(), message, made->get());
  // A child that is gone already has said why: await_mounted reads it.
  if (sent != kDone && sent != EPIPE)
    return launch_failure(errno_error(sent, "send network namespace"), ChildStep::network);
  return {};
}

// Where the app's root is the host's own, parent and child add its rules together.
Result<UniqueFd> open_ruleset(const SandboxPlan& plan) {
  if (plan.mode != Mode::fallback || !plan.landlock.applied) return UniqueFd();
  const int ruleset = open_landlock_ruleset(plan.landlock);
  if (ruleset < 0) return fail(errno_error(-ruleset, child_step_name(ChildStep::landlock)));
  return UniqueFd(ruleset);
}

// Puts texts and the pointers to them into the child's room.
class LateWriter {
 public:
  explicit LateWriter(LateProgram& late) : rest_(std::span(late.room)) {}
  // Null: there is no room.
  const char* const* write(const std::vector<const char*>& texts) {
    const std::size_t size = texts.size() * sizeof(const char*);
    char* const pointers = take(size);
    if (pointers == nullptr) return nullptr;
    const auto list = std::span(reinterpret_cast<const char**>(pointers), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      list[i] = texts[i] == nullptr ? nullptr : copy(texts[i]);
      if (texts[i] != nullptr && list[i] == nullptr) return nullptr;
    }
    return list.data();
  }

 private:
  // Such that pointers can stand behind it.
  char* take(std::size_t size) {
    size = (size + alignof(const char*) - 1) / alignof(const char*) * alignof(const char*);
    if (size > rest_.size()) return nullptr;
    char* const taken = rest_.data();
    rest_ = rest_.subspan(size);
    return taken;
  }
  const char* copy(const char* text) {
    const std::size_t size = std::strlen(text) + 1;
    char* const copied = take(size);
    if (copied != nullptr) std::memcpy(copied, text, size);
    return copied;
  }
  std::span<char> rest_;
};

bool give_program(LateProgram& late, const ExecStrings& strings) {
  LateWriter writer(late);
  late.argv = writer.write(strings.argv);
  late.environment = writer.write(strings.environment);
  late.candidates = writer.write(strings.candidates);
  return late.argv != nullptr && late.environment != nullptr && late.candidates != nullptr;
}

}  // namespace

std::unexpected<LaunchFailure> launch_failure(Error error, ChildStep step) {
  return std::unexpected<LaunchFailure>(LaunchFailure{.error = std::move(error), .step = step});
}

unsigned filter_flags(const FilterPlan& plan) {
  unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  if (plan.wait_killable) flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  return flags;
}

Result<std::pair<UniqueFd, UniqueFd>> make_status_sockets() {
  int fds[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    return fail(errno_error("socketpair"));
  return std::pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

LaunchResult<ReceivedMessage> expect_launch_message(const SandboxPlan& plan, BorrowedFd socket,
                                                    LaunchMessageKind expected) {
  Result<ReceivedMessage> received = receive_launch_message(socket);
  if (!received) return launch_failure(std::move(received).error());
  if (received->message.kind == LaunchMessageKind::failed)
    return launch_failure(step_error(plan, received->message), received->message.step);
  if (received->message.kind != expected)
    return launch_failure(
        Error{.kind = ErrorKind::internal, .operation = "launch", .detail = "unexpected message"});
  return std::move(*received);
}

Result<SharedPage> SharedPage::make() {
  void* page = ::mmap(nullptr, sizeof(LaunchPage), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return fail(errno_error("mmap", "launch page"));
  return SharedPage(
      static_cast<LaunchPage*>(page));  // zeroed by the kernel, which is its initial value
}

SharedPage& SharedPage::operator=(SharedPage&& other) noexcept {
  std::swap(page_, other.page_);
  return *this;
}

SharedPage::~SharedPage() {
  if (page_ != nullptr) ::munmap(page_, sizeof(LaunchPage));
}

LaunchResult<StartedSandbox> begin_sandbox(const SandboxPlan& plan, const LaunchInputs& inputs) {
  auto page = SharedPage::make();
  if (!page) return launch_failure(std::move(page).error());
  page->get()->late.expected = inputs.is_program_late;
  auto id_maps = make_mount_id_maps(plan);
  if (!id_maps) return launch_failure(std::move(id_maps).error(), ChildStep::mounts);
  auto sockets = make_status_sockets();
  if (!sockets) return launch_failure(std::move(sockets).error());
  auto ruleset = open_ruleset(plan);
  if (!ruleset) return launch_failure(std::move(ruleset).error(), ChildStep::landlock);
  const ExecStrings strings =
      make_exec_strings(plan.process.argv, plan.process.environment, kDefaultPath);
  const std::string uid_map = id_map_text(plan.identity.uid_map);
  const std::string gid_map = id_map_text(plan.identity.gid_map);
  ChildContext context{.plan = &plan,
                       .rootfs = {.plan = &plan,
                                  .staging = inputs.staging_directory.c_str(),
                                  .image_mount = inputs.image_mount.get(),
                                  .truth_mount = inputs.truth_mount.get(),
                                  .id_maps = id_maps->by_entry.data()},
                       .status_socket = sockets->second.get(),
                       .page = page->get(),
                       .cgroup_task_files = inputs.cgroup_task_files,
                       .filter_flags = filter_flags(plan.filter),
                       .candidates = strings.candidates.data(),
                       .argv = strings.argv.data(),
                       .environment = strings.environment.data(),
                       .working_directory = plan.process.working_directory.c_str(),
                       .landlock_ruleset = ruleset->get(),
                       .own_uid_map = inputs.maps_itself ? uid_map.c_str() : nullptr,
                       .own_gid_map = gid_map.c_str(),
                       .root_state = {}};

  auto child =
      fork_with_namespaces(plan.mode == Mode::fallback ? 0 : kNamespaceFlags, inputs.cgroup_v2);
  if (!child) return launch_failure(std::move(child).error());
  if (child->pid == 0) {
    sockets->first.reset();  // the parent's end: held here, its closing would never show
    run_setup_child(context);
  }
  StartedSandbox started{.init = ChildProcess(child->pid, std::move(child->pidfd)),
                         .status_socket = std::move(sockets->first),
                         .page = std::move(*page),
                         .is_awaited = plan.mode != Mode::fallback && !inputs.maps_itself,
                         .landlock_ruleset = std::move(*ruleset)};
  sockets->second.reset();
  if (auto sent = send_network(plan, inputs, started.status_socket.borrow()); !sent)
    return std::unexpected<LaunchFailure>(std::move(sent).error());
  return started;
}

void give_filter(LaunchPage& page, const CompiledFilter& filter) {
  page.filter_length = static_cast<unsigned short>(filter.program.size());
  std::ranges::copy(filter.program, page.filter);
}

void give_filter(const StartedSandbox& started, const CompiledFilter& filter) {
  give_filter(*started.page.get(), filter);
}

namespace {

LaunchResult<void> map_when_ready(const StartedSandbox& started, const SandboxPlan& plan) {
  auto ready =
      expect_launch_message(plan, started.status_socket.borrow(), LaunchMessageKind::ready);
  if (!ready) return std::unexpected<LaunchFailure>(std::move(ready).error());
  const Status mapped =
      write_id_maps(started.init.pid(), plan.identity.uid_map, plan.identity.gid_map,
                    plan.identity.keeps_groups ? Setgroups::denied : Setgroups::as_before);
  if (!mapped) return launch_failure(mapped.error(), ChildStep::user_namespace);
  return {};
}

}  // namespace

// In the fallback mode nothing is mounted or mapped. A child begins nothing of the app's before its
// release, whoever waits for it.
LaunchResult<WaitingSandbox> await_mounted(StartedSandbox started, const SandboxPlan& plan) {
  if (started.landlock_ruleset.valid()) {
    const ChildResult added = add_landlock_rules(plan.landlock, started.landlock_ruleset.get(),
                                                 started.page.get()->next_landlock_rule);
    if (added != kDone)
      return launch_failure(errno_error(added, child_step_name(ChildStep::landlock)),
                            ChildStep::landlock);
  }
  if (started.is_awaited)
    if (auto mapped = map_when_ready(started, plan); !mapped)
      return std::unexpected<LaunchFailure>(std::move(mapped).error());
  return WaitingSandbox{.init = std::move(started.init),
                        .status_socket = std::move(started.status_socket),
                        .page = std::move(started.page)};
}

LaunchResult<WaitingSandbox> start_sandbox(const SandboxPlan& plan, const CompiledFilter& filter,
                                           const LaunchInputs& inputs) {
  auto started = begin_sandbox(plan, inputs);
  if (!started) return std::unexpected<LaunchFailure>(std::move(started).error());
  give_filter(*started, filter);
  return await_mounted(std::move(*started), plan);
}

namespace {

LaunchResult<void> tell_child(const WaitingSandbox& waiting, LaunchMessageKind kind,
                              std::span<const int> fds = {}) {
  const LaunchMessage message{.kind = kind};
  const ChildResult sent =
      send_with_fds(waiting.status_socket.get(), &message, sizeof message, fds);
  // Who is gone already has said why: the next message that is read tells it.
  if (sent == kDone || sent == EPIPE) return {};
  return launch_failure(errno_error(sent, "release", "status socket"), ChildStep::released);
}

LaunchResult<RunningSandbox> await_started(WaitingSandbox waiting, const SandboxPlan& plan) {
  auto started =
      expect_launch_message(plan, waiting.status_socket.borrow(), LaunchMessageKind::started);
  if (!started) return std::unexpected<LaunchFailure>(std::move(started).error());
  return RunningSandbox{.init = std::move(waiting.init),
                        .status_socket = std::move(waiting.status_socket),
                        .listener = std::move(started->fds[kPassedListener]),
                        .pty_master = std::move(started->fds[kPassedTerminal]),
                        .app_pid = started->message.app_pid,
                        .page = std::move(waiting.page)};
}

}  // namespace

LaunchResult<RunningSandbox> release_sandbox(WaitingSandbox waiting, const SandboxPlan& plan) {
  if (auto told = tell_child(waiting, LaunchMessageKind::release); !told)
    return std::unexpected<LaunchFailure>(std::move(told).error());
  return await_started(std::move(waiting), plan);
}

LaunchResult<WaitingSandbox> ready_for_program(WaitingSandbox waiting, const SandboxPlan& plan) {
  if (auto told = tell_child(waiting, LaunchMessageKind::release); !told)
    return std::unexpected<LaunchFailure>(std::move(told).error());
  auto ready =
      expect_launch_message(plan, waiting.status_socket.borrow(), LaunchMessageKind::waiting);
  if (!ready) return std::unexpected<LaunchFailure>(std::move(ready).error());
  return waiting;
}

LaunchResult<RunningSandbox> release_late(WaitingSandbox waiting, const SandboxPlan& plan,
                                          const LateStreams& streams) {
  const ExecStrings strings =
      make_exec_strings(plan.process.argv, plan.process.environment, kDefaultPath);
  if (!give_program(waiting.page.get()->late, strings))
    return launch_failure(errno_error(E2BIG, "give", plan.process.argv.front()), ChildStep::exec);
  const std::array<int, 3> numbers{streams[0].get(), streams[1].get(), streams[2].get()};
  if (auto told = tell_child(waiting, LaunchMessageKind::program, numbers); !told)
    return std::unexpected<LaunchFailure>(std::move(told).error());
  return await_started(std::move(waiting), plan);
}

LaunchResult<FunctionDoors> open_for_function(const WaitingSandbox& waiting,
                                              const SandboxPlan& plan) {
  if (auto told = tell_child(waiting, LaunchMessageKind::function); !told)
    return std::unexpected<LaunchFailure>(std::move(told).error());
  auto open = expect_launch_message(plan, waiting.status_socket.borrow(), LaunchMessageKind::open);
  if (!open) return std::unexpected<LaunchFailure>(std::move(open).error());
  return FunctionDoors{.ruleset = std::move(open->fds[kPassedRuleset]),
                       .directory = std::move(open->fds[kPassedDirectory]),
                       .filter_flags = filter_flags(plan.filter)};
}

Status tell_entered(const WaitingSandbox& waiting, BorrowedFd pidfd, int inside) {
  const LaunchMessage message{.kind = LaunchMessageKind::entered, .app_pid = inside};
  const ChildResult sent = send_launch_message(waiting.status_socket.get(), message, pidfd.get());
  return sent == kDone ? Status() : fail(errno_error(sent, "tell", "PID 1"));
}

}  // namespace yett
