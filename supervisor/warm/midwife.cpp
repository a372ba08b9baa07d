#include "supervisor/warm/midwife.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/text.hpp"
#include "ioctl_uapi/child_process.hpp"
#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "sandbox/launch/id_maps.hpp"
#include "sandbox/launch/instance_root.hpp"

namespace yett {
namespace {

constexpr int kPatienceMs = 20'000;

// SECURITY(instance-namespaces): none of the sandbox's is left out. That of its cgroup comes when
// it is in its cgroup.
std::uint64_t namespaces_of(const SandboxPlan& plan) {
  std::uint64_t flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
  if (plan.namespaces.network == NetworkNamespace::fresh) flags |= CLONE_NEWNET;
  return flags;
}

BirthMessage word(BirthWord said, int value = 0) {
  BirthMessage message;
  message.head.word = said;
  message.head.value = value;
  return message;
}

void tell_failure(BorrowedFd keeper, const Error& error) {
  BirthMessage message = word(BirthWord::failed, error.sys_errno);
  copy_text(error.message(), message.head.text);
  static_cast<void>(send_birth(keeper, message));
}

InstanceMap map_of(int pid, const char* file, std::uint32_t id) {
  InstanceMap map;
  copy_text(std::to_string(pid) + "/" + file, map.path);
  const std::string number = std::to_string(id);
  copy_text(number + " " + number + " 1", map.line);
  return map;
}

Status root_error(const SandboxPlan& plan, const InstanceRootResult& result) {
  if (result.step == InstanceStep::count) return {};
  Error error = errno_error(result.error, instance_step_name(result.step));
  if (result.entry >= 0 && static_cast<std::size_t>(result.entry) < plan.mounts.size())
    error.subject = plan.mounts[static_cast<std::size_t>(result.entry)].target;
  return fail(std::move(error));
}

}  // namespace

void Midwife::serve() {
  while (serve_once()) continue;
}

Status Midwife::serve_once() {
  std::vector<pollfd> watched{{.fd = inputs_.births.get(), .events = POLLIN, .revents = 0},
                              {.fd = inputs_.desk.get(), .events = POLLIN, .revents = 0},
                              {.fd = template_pidfd_.get(), .events = POLLIN, .revents = 0}};
  const std::size_t first = watched.size();
  for (const auto& each : instances_) {
    watched.push_back({.fd = each->keeper.get(), .events = POLLIN, .revents = 0});
    watched.push_back({.fd = each->pidfd.get(), .events = POLLIN, .revents = 0});
  }
  if (::poll(watched.data(), watched.size(), -1) < 0)
    return errno == EINTR ? Status() : fail(errno_error("poll", "midwife"));
  if (watched[2].revents != 0) return fail(errno_error(ESRCH, "serve", "template process"));
  std::vector<std::unique_ptr<Instance>> left;
  for (std::size_t i = 0; i < instances_.size(); ++i) {
    if (watched[first + 2 * i + 1].revents != 0) {
      tell_end(*instances_[i]);
      continue;
    }
    if (watched[first + 2 * i].revents != 0) on_keeper(*instances_[i]);
    left.push_back(std::move(instances_[i]));
  }
  instances_ = std::move(left);
  if (watched[1].revents != 0) YETT_CHECK(on_ready());
  if (watched[0].revents != 0) YETT_CHECK(on_birth());
  return {};
}

// Two words for each of the desk's: is it ours to hold, and was it really the caller?
Status Midwife::on_ready() {
  int said = 0;
  if (receive_frame(inputs_.desk.get(), &said, sizeof said) != kDone)
    return fail(errno_error(EPIPE, "serve", "supervisor"));
  const auto answer = [this](int error) {
    return send_with_fds(inputs_.desk.get(), &error, sizeof error, {}) == kDone
               ? Status()
               : fail(errno_error(EPIPE, "serve", "supervisor"));
  };
  if (template_) return answer(EBUSY);
  auto seized = HeldProcess::seize(said);
  if (!seized) return answer(seized.error().sys_errno);
  YETT_TRY(UniqueFd pidfd, open_pidfd(said));
  YETT_CHECK(answer(0));
  if (receive_frame(inputs_.desk.get(), &said, sizeof said) != kDone)
    return fail(errno_error(EPIPE, "serve", "supervisor"));
  seized->interrupt();
  YETT_CHECK(answer(said == 1 ? 0 : ESRCH));
  if (said != 1) {  // somebody else, who goes on
    YETT_CHECK(seized->await_stop());
    return seized->let_go_on();
  }
  auto held = TemplateProcess::hold(*std::move(seized));
  if (!held) {
    std::fprintf(stderr, "yett: warm fork: %s\n", held.error().message().c_str());
    return held.error().sys_errno != 0 ? Status() : fail(held.error());
  }
  template_.emplace(*std::move(held));
  template_pidfd_ = std::move(pidfd);
  inputs_.ready();
  return {};
}

Status Midwife::on_birth() {
  char byte = 0;
  std::array<int, 1> end{-1};
  if (receive_frame(inputs_.births.get(), &byte, 1, end) != kDone)
    return fail(errno_error(EPIPE, "serve", "keepers"));
  UniqueFd keeper(end[0]);
  if (!keeper.valid()) return {};
  if (!template_) {
    tell_failure(keeper.borrow(), errno_error(EAGAIN, "warm fork", "the template is not ready"));
    return {};
  }
  return bear(std::move(keeper));
}

// What fails ends the one that was to be born, and it alone, if the template can be asked still.
Status Midwife::bear(UniqueFd keeper) {
  auto newborn = template_->bear(namespaces_of(*inputs_.plan));
  if (!newborn) {
    tell_failure(keeper.borrow(), newborn.error());
    return newborn.error().kind == ErrorKind::target_gone ? fail(newborn.error()) : Status();
  }
  auto instance = std::make_unique<Instance>();
  instance->keeper = std::move(keeper);
  instance->inner = newborn->inner;
  auto pidfd = open_pidfd(newborn->process.pid());
  if (!pidfd) {
    tell_failure(instance->keeper.borrow(), pidfd.error());
    newborn->process.kill();
    static_cast<void>(template_->reap(instance->inner));
    return {};
  }
  instance->pidfd = *std::move(pidfd);
  auto made = InstanceProcess::make(*std::move(newborn), *template_);
  Status prepared = made ? Status() : fail(made.error());
  if (made) {
    instance->held.emplace(*std::move(made));
    prepared = prepare(*instance);
  }
  if (!prepared) {
    tell_failure(instance->keeper.borrow(), prepared.error());
    end(*instance);
  }
  instances_.push_back(std::move(instance));
  return {};
}

// The keeper makes its cgroup meanwhile, and moves it into v2's.
Status Midwife::prepare(Instance& instance) {
  const BorrowedFd keeper = instance.keeper.borrow();
  BirthMessage born = word(BirthWord::born, instance.held->pid());
  born.descriptors.emplace_back(::fcntl(instance.pidfd.get(), F_DUPFD_CLOEXEC, 3));
  YETT_CHECK(send_birth(keeper, born));
  YETT_CHECK(build_root(instance));
  for (;;) {
    YETT_TRY(const BirthMessage message, receive_birth(keeper, kPatienceMs));
    if (message.head.word == BirthWord::joined) break;
    if (message.head.word != BirthWord::task_file || message.descriptors.empty())
      return fail(errno_error(EPROTO, "prepare", "instance"));
    YETT_CHECK(instance.held->join_cgroup(message.descriptors.front().borrow()));
  }
  YETT_CHECK(instance.held->take_identity());
  BirthMessage prepared = word(BirthWord::prepared);
  prepared.descriptors.emplace_back(::fcntl(instance.held->line().get(), F_DUPFD_CLOEXEC, 3));
  return send_birth(keeper, prepared);
}

Status Midwife::build_root(const Instance& instance) {
  const SandboxPlan& plan = *inputs_.plan;
  YETT_TRY(const MountIdMaps id_maps, make_mount_id_maps(plan));
  const InstanceRoot wanted{.plan = &plan,
                            .rootfs = {.plan = &plan,
                                       .staging = inputs_.staging_directory.c_str(),
                                       .image_mount = inputs_.image_mount.get(),
                                       .truth_mount = inputs_.truth_mount.get(),
                                       .id_maps = id_maps.by_entry.data()},
                            .template_pidfd = template_pidfd_.get(),
                            .instance_pidfd = instance.pidfd.get(),
                            .uid_map = map_of(instance.held->pid(), "uid_map", plan.identity.uid),
                            .gid_map = map_of(instance.held->pid(), "gid_map", plan.identity.gid)};
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return fail(errno_error("pipe", "instance root"));
  const UniqueFd told(pipe[0]);
  UniqueFd report(pipe[1]);
  YETT_TRY(ForkedChild child, fork_with_namespaces(0));
  if (child.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    build_instance_root(wanted, report.get());
  }
  const ChildProcess builder(child.pid, std::move(child.pidfd));
  report.reset();
  pollfd asked{.fd = told.get(), .events = POLLIN, .revents = 0};
  InstanceRootResult result;
  if (::poll(&asked, 1, kPatienceMs) != 1 ||
      ::read(told.get(), &result, sizeof result) != sizeof result)
    return fail(errno_error(ETIMEDOUT, "build", "instance root"));
  // Its child was in the instance's pid namespace, and is not when it has ended.
  pollfd ended{.fd = builder.pidfd().get(), .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, kPatienceMs) != 1)
    return fail(errno_error(ETIMEDOUT, "end", "builder of an instance's root"));
  return root_error(plan, result);
}

void Midwife::on_keeper(Instance& instance) {
  auto message = receive_birth(instance.keeper.borrow(), 0);
  // SECURITY(instance-keeper): whose keeper has died ends, too.
  if (!message || message->head.word != BirthWord::run || !instance.held) return end(instance);
  const Status run = instance.held->run({.arguments = std::move(message->arguments),
                                         .environment = std::move(message->environment),
                                         .descriptors = {}});
  if (!run) {
    tell_failure(instance.keeper.borrow(), run.error());
    return end(instance);
  }
  instance.held.reset();
  static_cast<void>(send_birth(instance.keeper.borrow(), word(BirthWord::running)));
}

// With it, the kernel ends all that is in its pid namespace.
void Midwife::end(Instance& instance) {
  instance.keeper.reset();
  instance.held.reset();
  static_cast<void>(send_signal(instance.pidfd.borrow(), SIGKILL));
}

void Midwife::tell_end(Instance& instance) {
  instance.held.reset();  // its tracer has to know before its parent can
  const auto status = template_->reap(instance.inner);
  if (!instance.keeper.valid()) return;
  static_cast<void>(
      send_birth(instance.keeper.borrow(), word(BirthWord::ended, status ? *status : SIGKILL)));
}

}  // namespace yett
