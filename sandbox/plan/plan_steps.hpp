// The planner's steps, one file each; planner.cpp puts them in order.
#pragma once

#include "base/result.hpp"
#include "sandbox/plan/mount_plan.hpp"

namespace yett {

// The highest that this caller can have, or the one asked for. Errors: unsupported_host.
[[nodiscard]] Result<Mode> choose_mode(const PlanInputs& inputs);
// Ends the plan where the mode or a --require cannot be had. Errors: unsupported_host,
// invalid_request for an unknown name.
[[nodiscard]] Status check_host(const PlanInputs& inputs);
// "filter", "landlock-6", ...: what is in force in `plan`.
[[nodiscard]] std::vector<std::string> backends_of(const PlanInputs& inputs,
                                                   const SandboxPlan& plan);

// --ids. Before all that goes by the plan's identity. Errors: invalid_request, unsupported_host.
[[nodiscard]] Status plan_ids(const PlanInputs& inputs, SandboxPlan& plan);
// Of a sandbox of several ids. After plan_filter.
void allow_setgroups(FilterPlan& filter);
// Rlimits, and a cgroup where a limit was asked for that only it can hold.
[[nodiscard]] Status plan_limits(const PlanInputs& inputs, SandboxPlan& plan);
// The filter's rules as this host can hold them. After the mounts.
[[nodiscard]] Status plan_filter(const PlanInputs& inputs, SandboxPlan& plan);
// What may be used of the host: where the supervisor opens files on the target's behalf, no plane
// that goes by who opens.
[[nodiscard]] KernelFeatures usable_features(const Policy& policy, const KernelFeatures& features);
// [on] violation = "ask". After plan_filter.
[[nodiscard]] Status plan_questions(const PlanInputs& inputs, SandboxPlan& plan);
// What is told of the machine: mounts over /proc and /sys, sched_getaffinity, uname. After the
// mounts and plan_filter.
void plan_truth(const PlanInputs& inputs, SandboxPlan& plan);
// The network namespace, and the rules on the cheapest plane there is. After plan_filter and
// plan_landlock: the last resort narrows both.
[[nodiscard]] Status plan_network(const PlanInputs& inputs, SandboxPlan& plan);
// The two parts of it that need the supervisor. A sandbox without a network gets the sockets that
// its rules speak of from outside: the filter hands socket and listen to the supervisor. Errors:
// unsupported_host without cgroup-BPF, which holds the rules on such sockets.
[[nodiscard]] bool can_hold_by_cgroup(const KernelFeatures& features);
[[nodiscard]] Status lend_sockets(const PlanInputs& inputs, SandboxPlan& plan);
// Where Landlock holds the rules on ports: the calls that send connect nothing. After plan_filter.
void refuse_fast_open(FilterPlan& filter);
// And listen(2) is the supervisor's, at these ports alone.
void listen_by_supervisor(const EndpointList& rules, SandboxPlan& plan);
// Where rules name hosts: the sandbox's name server, and the rules that let it be asked.
void plan_name_server(const PlanInputs& inputs, SandboxPlan& plan, EndpointList& connect);
// Scopes always; file rights only for [files] exec and hardening = "stacked". After the mounts.
[[nodiscard]] Status plan_landlock(const PlanInputs& inputs, SandboxPlan& plan);
// All of a plan without namespaces, from a started one. Errors: unsupported_host for whatever only
// a namespace, a mount or a cgroup could hold, with the rule's place.
[[nodiscard]] Result<SandboxPlan> make_fallback_plan(const PlanInputs& inputs, SandboxPlan plan);
// LandlockPlan of it.
[[nodiscard]] Status plan_fallback_files(const PlanInputs& inputs, SandboxPlan& plan);
// Its rows of plan.rules.
[[nodiscard]] std::vector<PlacedRule> place_fallback_rules(const PlanInputs& inputs,
                                                           const SandboxPlan& plan);
// The BPF LSM entry, where that plane loads. After plan_filter.
void plan_lsm(const PlanInputs& inputs, SandboxPlan& plan);

// plan.rules: each rule but the system calls', and where it went.
[[nodiscard]] std::vector<PlacedRule> place_rules(const PlanInputs& inputs,
                                                  const SandboxPlan& plan);

}  // namespace yett
