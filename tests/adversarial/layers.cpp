#include "tests/adversarial/layers.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <cstdio>
#include <sstream>

#include "sandbox/guard/cgroup.hpp"
#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/host/probe.hpp"
#include "sandbox/launch/launcher.hpp"
#include "sandbox/plan/planner.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "supervisor/loop/supervise.hpp"
#include "supervisor/lsm/kernel_planes.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett::test {
namespace {

[[noreturn]] void give_up(const char* what, const Error& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.message().c_str());
  std::exit(125);
}

const KernelFeatures& features() {
  static const KernelFeatures known = probe_kernel_features(bpf_probes());
  return known;
}

Policy policy_of(const std::string& given) {
  auto policy = given.find('\n') == std::string::npos ? make_builtin_policy(given)
                                                      : parse_policy(given, "test.toml");
  if (!policy) give_up("policy", policy.error());
  return std::move(*policy);
}

void skip_call(const SkippedCall& skipped) {
  const auto load = [](std::uint32_t offset) {
    return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offset};
  };
  const bool by_argument = skipped.index >= 0;
  const auto index = by_argument ? static_cast<unsigned>(skipped.index) : 0U;
  const auto checked = static_cast<std::uint32_t>(
      by_argument ? offsetof(seccomp_data, args) + 8U * index : offsetof(seccomp_data, nr));
  const auto number = static_cast<std::uint32_t>(skipped.number);
  sock_filter program[] = {
      load(offsetof(seccomp_data, nr)),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, number},
      load(checked),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, by_argument ? skipped.argument : number},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 0},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
    give_up("skip a call", errno_error("seccomp"));
}

void label(KernelPlanes& planes, const WaitingSandbox& waiting) {
  const std::string path = "/proc/" + std::to_string(waiting.init.pid()) + "/root";
  const UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (const Status labelled = planes.label(waiting.init.pidfd(), root.borrow()); !labelled)
    give_up("label", labelled.error());
}

// What a filter does to notifications when nobody listens is not of interest here: the real
// supervisor listens.
int launch_and_supervise(const SandboxPlan& plan) {
  const auto filter = plan.filter.installed ? compile_filter(plan.filter) : CompiledFilter{};
  if (!filter) give_up("filter", filter.error());
  const auto staging = open_runtime_directory();
  if (!staging) give_up("runtime directory", staging.error());
  std::optional<CgroupDir> cgroup;
  LaunchInputs inputs{.staging_directory = *staging};
  if (plan.cgroup.wanted) {
    auto made = CgroupDir::make(plan.cgroup, features().cgroup);
    if (!made) give_up("cgroup", made.error());
    cgroup = std::move(*made);
    inputs.cgroup_v2 = cgroup->v2();
    for (const UniqueFd& file : cgroup->v1_task_files())
      inputs.cgroup_task_files.push_back(file.get());
  }
  auto planes = KernelPlanes::make(plan, cgroup ? cgroup->v2() : BorrowedFd());
  if (!planes) give_up("kernel planes", planes.error());
  auto waiting = start_sandbox(plan, *filter, inputs);
  if (!waiting) give_up("start", waiting.error().error);
  label(*planes, *waiting);
  auto running = release_sandbox(std::move(*waiting), plan);
  if (!running) give_up("release", running.error().error);
  AuditSink audit;
  const auto lender = start_lender(plan, inputs.cgroup_v2);
  if (!lender) give_up("lent sockets", lender.error());
  const auto outcome = supervise(plan,
                                 {.init_pidfd = running->init.pidfd(),
                                  .status_socket = running->status_socket.borrow(),
                                  .listener = running->listener.borrow(),
                                  .pty_master = running->pty_master.borrow(),
                                  .lender = *lender},
                                 audit);
  if (!outcome) give_up("supervise", outcome.error());
  running->init.kill_and_reap();
  return outcome->exit_status;
}

}  // namespace

SandboxPlan plan_of(const LaunchOf& start) {
  SandboxRequest request{.command = start.command};
  request.volumes = start.volumes;
  if (!start.image.empty()) {
    request.image_kind = ImageKind::directory;
    request.image_path = start.image;
  }
  const PlanContext context{.identity_seed = static_cast<std::uint32_t>(::getpid()),
                            .host_root_entries = list_host_root()};
  auto plan = make_plan(request, policy_of(start.policy), features(), context);
  if (!plan) give_up("plan", plan.error());
  return std::move(*plan);
}

RunResult run_without(const Missing& missing, const LaunchOf& start, RunOptions options) {
  options.before_exec = [missing, start, before = options.before_exec] {
    if (before) before();
    SandboxPlan plan = plan_of(start);
    if (!missing.keeps_bpf) plan.lsm.labelled = plan.cgroup_bpf.attached = false;
    if (missing.from_plan) missing.from_plan(plan);
    for (const SkippedCall& call : missing.calls) skip_call(call);
    const int status = launch_and_supervise(plan);
    std::fflush(nullptr);
    ::_exit(status);
  };
  return run_program({"a launch in this very process"}, std::move(options));
}

Missing without_filter() {
  return {.from_plan = [](SandboxPlan& plan) { plan.filter.installed = false; }, .calls = {}};
}

Missing without_landlock() {
  return {.from_plan = [](SandboxPlan& plan) { plan.landlock.applied = false; }, .calls = {}};
}

Missing without(std::initializer_list<Missing> layers) {
  Missing all;
  std::vector<std::function<void(SandboxPlan&)>> edits;
  for (const Missing& layer : layers) {
    if (layer.from_plan) edits.push_back(layer.from_plan);
    all.calls.insert(all.calls.end(), layer.calls.begin(), layer.calls.end());
    all.keeps_bpf = all.keeps_bpf || layer.keeps_bpf;
  }
  all.from_plan = [edits](SandboxPlan& plan) {
    for (const auto& edit : edits) edit(plan);
  };
  return all;
}

RunResult run_attack(const std::vector<std::string>& command, const std::vector<std::string>& flags,
                     RunOptions options) {
  std::vector<std::string> arguments{"run", "-v", kAttackVolume};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), command.begin(), command.end());
  arguments[arguments.size() - command.size()].insert(0, "/attacks/");
  return run_yett(std::move(arguments), std::move(options));
}

RunResult run_attack_without(const Missing& missing, std::vector<std::string> command,
                             std::vector<VolumeRequest> volumes) {
  command.front().insert(0, "/attacks/");
  volumes.push_back({.source = kAttacks, .target = "/attacks", .read_only = true});
  return run_without(missing, {.command = std::move(command), .volumes = std::move(volumes)});
}

RunResult run_attack_natively(const std::vector<std::string>& command, const std::string& setup) {
  std::vector<std::string> argv{"unshare", "--mount", "--uts",    "--ipc",        "--net",
                                "--pid",   "--fork",  "--cgroup", "--mount-proc", "--"};
  argv.insert(argv.end(),
              {"sh", "-c", "mount -t tmpfs none /tmp\n" + setup + "\nexec \"$@\"", "sh"});
  argv.insert(argv.end(), command.begin(), command.end());
  argv[argv.size() - command.size()].insert(0, kAttacks + "/");
  return run_program(std::move(argv));
}

std::map<std::string, std::string> results_of(const RunResult& run) {
  std::map<std::string, std::string> results;
  std::istringstream lines(run.out);
  for (std::string name, result; lines >> name && std::getline(lines >> std::ws, result);)
    results[name] = result;
  return results;
}

void expect_result(const Results& results, const std::string& attempt,
                   std::string_view alternatives, const char* where) {
  const auto found = results.find(attempt);
  ASSERT_NE(found, results.end()) << attempt << " was not made " << where;
  EXPECT_TRUE(is_one_of(found->second, alternatives))
      << attempt << " " << where << ": " << found->second << ", expected " << alternatives;
}

bool is_one_of(const std::string& result, std::string_view alternatives) {
  while (!alternatives.empty()) {
    const std::size_t bar = alternatives.find('|');
    if (result == alternatives.substr(0, bar)) return true;
    if (bar == std::string_view::npos) return false;
    alternatives.remove_prefix(bar + 1);
  }
  return false;
}

}  // namespace yett::test
