// The namespaces and cgroups of a container's process, from inside.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "sandbox/container/container_context.hpp"
#include "sandbox/guard/cgroup.hpp"
#include "sandbox/guard/namespaces_child.hpp"

namespace yett::container_steps {
namespace {

ChildResult set_ids_to_root() {
  YETT_STEP(from_libc(::syscall(SYS_setresgid, 0, 0, 0)));
  YETT_STEP(from_libc(::syscall(SYS_setresuid, 0, 0, 0)));
  return from_libc(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));  // the new credentials reset it
}

ChildResult write_text(const char* path, const char* text, std::size_t size) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return errno;
  const ChildResult result = from_libc(::write(file, text, size));
  ::close(file);
  return result;
}

}  // namespace

ChildResult join_cgroups(ContainerContext& context) {
  if (context.in_namespaces) return kDone;
  return from_kernel(join_cgroups_child(context.cgroup_task_files));
}

ChildResult cgroup_namespace(ContainerContext& context) {
  if ((context.plan->new_namespaces & CLONE_NEWCGROUP) == 0) return kDone;
  return from_libc(::unshare(CLONE_NEWCGROUP));
}

// The time namespace was joined by the parent, whose next child this is; so was the pid namespace,
// but for a maker, whose child it is for. The user namespace comes last, and by the maker alone.
ChildResult join_namespaces(ContainerContext& context) {
  if (context.in_namespaces) return kDone;
  const auto& joined = context.plan->joined;
  for (std::size_t i = 0; i < joined.size(); ++i) {
    if (joined[i].flag == CLONE_NEWTIME || joined[i].flag == CLONE_NEWUSER) continue;
    if (joined[i].flag == CLONE_NEWPID && !context.is_maker) continue;
    context.detail = static_cast<int>(i);
    YETT_STEP(from_libc(::setns(joined[i].fd.get(), static_cast<int>(joined[i].flag))));
    if (joined[i].flag == CLONE_NEWNS) YETT_STEP(from_libc(::chdir(context.plan->root.c_str())));
  }
  context.detail = -1;
  return kDone;
}

ChildResult user_namespace(ContainerContext& context) {
  const bool is_new = (context.plan->new_namespaces & CLONE_NEWUSER) != 0;
  if (!is_new && context.plan->net_devices.empty()) return kDone;
  YETT_STEP(
      send_container_message(context.status_socket, {.kind = ContainerMessageKind::in_namespaces}));
  ContainerMessage answer;
  YETT_STEP(receive_container_message(context.status_socket, answer));
  return is_new ? set_ids_to_root() : kDone;
}

// From here on root of that namespace, and of nothing else.
ChildResult join_user_namespace(ContainerContext& context) {
  const auto& joined = context.plan->joined;
  for (std::size_t i = 0; i < joined.size(); ++i) {
    if (joined[i].flag != CLONE_NEWUSER) continue;
    context.detail = static_cast<int>(i);
    YETT_STEP(from_libc(::setns(joined[i].fd.get(), CLONE_NEWUSER)));
  }
  context.detail = -1;
  return set_ids_to_root();
}

ChildResult hostname(ContainerContext& context) {
  const ContainerPlan& plan = *context.plan;
  if (!plan.hostname.empty())
    YETT_STEP(from_libc(::sethostname(plan.hostname.data(), plan.hostname.size())));
  if (plan.domainname.empty()) return kDone;
  return from_libc(::setdomainname(plan.domainname.data(), plan.domainname.size()));
}

// Through the host's /proc, which knows the writer's own namespaces.
ChildResult sysctls(ContainerContext& context) {
  const auto& sysctls = context.plan->sysctls;
  for (std::size_t i = 0; i < sysctls.size(); ++i) {
    context.detail = static_cast<int>(i);
    YETT_STEP(
        write_text(sysctls[i].first.c_str(), sysctls[i].second.c_str(), sysctls[i].second.size()));
  }
  context.detail = -1;
  return kDone;
}

ChildResult network(ContainerContext& context) {
  return (context.plan->new_namespaces & CLONE_NEWNET) != 0 ? raise_loopback() : kDone;
}

// All at once, in the order that permissions need: the kernel checks them as one.
ChildResult join_container(ContainerContext& context) {
  context.label_file = open_label_file(*context.process);
  YETT_STEP(
      from_libc(::setns(context.container_process, static_cast<int>(context.joined_namespaces))));
  if ((context.joined_namespaces & CLONE_NEWUSER) != 0) YETT_STEP(set_ids_to_root());
  context.root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return context.root < 0 ? errno : kDone;
}

}  // namespace yett::container_steps
