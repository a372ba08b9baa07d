#include <fmt/format.h>
#include <sched.h>

#include <algorithm>

#include "runsc-like/oci/config/names.hpp"
#include "runsc-like/oci/config/read_parts.hpp"

namespace yett::oci {
namespace {

void read(const Field& field, ConsoleSize& size) {
  if (!is_object(field)) return;
  // A terminal's size is two 16-bit numbers.
  read_number(field.require("height"), size.height, std::uint64_t{0}, std::uint64_t{UINT16_MAX});
  read_number(field.require("width"), size.width, std::uint64_t{0}, std::uint64_t{UINT16_MAX});
}

// 2^32 - 1 means "no id" to the kernel.
constexpr std::uint32_t kMaxId = UINT32_MAX - 1;

void read(const Field& field, User& user) {
  if (!is_object(field)) return;
  read_number(field.require("uid"), user.uid, 0U, kMaxId);
  read_number(field.require("gid"), user.gid, 0U, kMaxId);
  read_number(field["umask"], user.umask, 0U, 0777U);
  read(field["additionalGids"], user.additional_gids);
  for (std::size_t i = 0; i < user.additional_gids.size(); ++i)
    if (user.additional_gids[i] > kMaxId)
      field["additionalGids"].at(i).reject("is no group: 4294967295 means none");
}

void read_set(const Field& field, std::uint64_t& set) {
  std::vector<std::string> names;
  read(field, names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = std::ranges::find(capability_names(), names[i], &Named::name);
    if (found != capability_names().end())
      set |= std::uint64_t{1} << found->value;
    else
      field.at(i).warn(fmt::format("capability '{}' is not known and left out", names[i]));
  }
}

void read(const Field& field, Capabilities& sets) {
  if (!is_object(field)) return;
  read_set(field["bounding"], sets.bounding);
  read_set(field["effective"], sets.effective);
  read_set(field["inheritable"], sets.inheritable);
  read_set(field["permitted"], sets.permitted);
  read_set(field["ambient"], sets.ambient);
}

void read(const Field& field, Rlimit& limit) {
  if (!is_object(field)) return;
  const Field type = field.require("type");
  read(type, limit.type);
  if (const auto resource = read_choice(type, rlimit_names()))
    limit.resource = static_cast<int>(*resource);
  read_number(field.require("soft"), limit.soft);
  read_number(field.require("hard"), limit.hard);
  if (limit.soft > limit.hard)
    field["soft"].reject(fmt::format("is above the hard limit, {}", limit.hard));
}

void check_rlimits(const Field& field, const std::vector<Rlimit>& limits) {
  for (std::size_t i = 0; i < limits.size(); ++i)
    for (std::size_t before = 0; before < i; ++before)
      if (!limits[i].type.empty() && limits[before].type == limits[i].type)
        field.at(i)["type"].reject(fmt::format("{} is there twice", limits[i].type), "keep one");
}

void check_scheduler(const Field& field, const Scheduler& scheduler) {
  const bool real_time = scheduler.policy == SCHED_FIFO || scheduler.policy == SCHED_RR;
  if (real_time && (scheduler.priority < 1 || scheduler.priority > 99))
    field["priority"].reject("must be 1 to 99 for SCHED_FIFO and SCHED_RR");
  if (!real_time && scheduler.priority != 0)
    field["priority"].reject("is for SCHED_FIFO and SCHED_RR only", "leave it out");
  const bool nice = scheduler.policy == SCHED_OTHER || scheduler.policy == SCHED_BATCH;
  if (!nice && scheduler.nice != 0)
    field["nice"].reject("is for SCHED_OTHER and SCHED_BATCH only", "leave it out");
  constexpr std::uint32_t kDeadline = 6;
  const bool times = scheduler.runtime != 0 || scheduler.deadline != 0 || scheduler.period != 0;
  if (scheduler.policy != kDeadline && times)
    field.reject("runtime, deadline and period are for SCHED_DEADLINE only", "leave them out");
  const std::uint64_t period = scheduler.period == 0 ? scheduler.deadline : scheduler.period;
  const bool ordered = scheduler.runtime >= 1024 && scheduler.runtime <= scheduler.deadline &&
                       scheduler.deadline <= period;
  if (scheduler.policy == kDeadline && !ordered)
    field.reject("SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period, in nanoseconds");
}

void read(const Field& field, Scheduler& scheduler) {
  if (!is_object(field)) return;
  const auto policy = read_choice(field.require("policy"), scheduler_policy_names());
  if (policy) scheduler.policy = static_cast<std::uint32_t>(*policy);
  read_number(field["nice"], scheduler.nice, -20, 19);
  read(field["priority"], scheduler.priority);
  const Field flags = field["flags"];
  if (flags.there() && flags.is_a(JsonValue::Kind::array, "an array"))
    for (std::size_t i = 0; i < flags.value().items.size(); ++i)
      if (const auto flag = read_choice(flags.at(i), scheduler_flag_names()))
        scheduler.flags |= *flag;
  read(field["runtime"], scheduler.runtime);
  read(field["deadline"], scheduler.deadline);
  read(field["period"], scheduler.period);
  if (policy) check_scheduler(field, scheduler);
}

void read(const Field& field, IoPriority& priority) {
  if (!is_object(field)) return;
  if (const auto io_class = read_choice(field.require("class"), io_class_names()))
    priority.io_class = static_cast<std::uint32_t>(*io_class);
  read_number(field["priority"], priority.priority, 0U, 7U);
}

void read(const Field& field, ExecCpuAffinity& affinity) {
  if (!is_object(field)) return;
  read(field["initial"], affinity.initial);
  check_number_list(field["initial"], affinity.initial);
  read(field["final"], affinity.final);
  check_number_list(field["final"], affinity.final);
}

template <typename T>
void read_section(const Field& field, std::optional<T>& into) {
  if (field.there()) read(field, into.emplace());
}

void read_command(const Field& field, Process& process) {
  read(field["args"], process.args);
  if (field["args"].there() && process.args.empty())
    field["args"].reject("is empty", "name at least the program");
  else if (!field["args"].there())
    (void)field.require("args");
  else if (process.args[0].empty())
    field["args"].at(0).reject("is empty", "name the program");
  read(field["env"], process.env);
  for (std::size_t i = 0; i < process.env.size(); ++i)
    if (process.env[i].find('=') == std::string::npos || process.env[i].starts_with('='))
      field["env"].at(i).reject(fmt::format("'{}' is no NAME=VALUE", process.env[i]));
  read(field.require("cwd"), process.cwd);
  need_absolute(field["cwd"], process.cwd);
}

}  // namespace

void read(const Field& field, Process& process) {
  if (!is_object(field)) return;
  read(field["terminal"], process.terminal);
  read_section(field["consoleSize"], process.console_size);
  if (field.require("user").there()) read(field["user"], process.user);
  read_command(field, process);
  read_section(field["capabilities"], process.capabilities);
  const Field rlimits = field["rlimits"];
  if (rlimits.there() && rlimits.is_a(JsonValue::Kind::array, "an array")) {
    for (std::size_t i = 0; i < rlimits.value().items.size(); ++i)
      read(rlimits.at(i), process.rlimits.emplace_back());
    check_rlimits(rlimits, process.rlimits);
  }
  read(field["noNewPrivileges"], process.no_new_privileges);
  read(field["apparmorProfile"], process.apparmor_profile);
  read(field["selinuxLabel"], process.selinux_label);
  read_number(field["oomScoreAdj"], process.oom_score_adj, -1000, 1000);
  read_section(field["scheduler"], process.scheduler);
  read_section(field["ioPriority"], process.io_priority);
  read_section(field["execCPUAffinity"], process.exec_cpu_affinity);
}

}  // namespace yett::oci
