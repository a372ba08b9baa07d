// The system-call filters of a container: Yett's own policy, and the configuration's section on
// top. The kernel obeys the stricter of the two for each call.
#include <linux/seccomp.h>

#include <algorithm>

#include "runsc-like/oci/life/plan_container.hpp"
#include "sandbox/guard/seccomp_filter.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/seccomp/compile_section.hpp"

namespace yett::oci {
namespace {

constexpr const char* kPolicyAnnotation = "dev.yett.policy";
constexpr std::string_view kOwnAnnotations = "dev.yett.";

// A wish that nobody reads would be taken for granted.
Status check_own_annotations(const Config& config) {
  for (const auto& [name, value] : config.annotations)
    if (name.starts_with(kOwnAnnotations) && name != kPolicyAnnotation)
      return fail(request_error("/annotations/" + name, "is no annotation of Yett's",
                                "there is dev.yett.policy; leave it out"));
  return {};
}

Status add_policy(const Config& config, ContainerPlan& plan) {
  const auto named = config.annotations.find(kPolicyAnnotation);
  const std::string name = named == config.annotations.end() ? "container" : named->second;
  if (name == "none") return {};
  if (name != "container")
    return fail(host_error(std::string("/annotations/") + kPolicyAnnotation,
                           "names a policy that containers cannot have yet",
                           "container (the default) or none"));
  FilterPlan filter;
  filter.rules = make_container_policy(plan.process.capabilities.bounding).syscalls.rules;
  filter.audited_refusals = false;  // nobody supervises a container
  YETT_TRY(CompiledFilter compiled, compile_filter(filter));
  plan.filters.push_back(std::move(compiled.program));
  return {};
}

// The agent cannot answer the call by which it is given the listener.
Status check_agent(const SeccompSection& section) {
  if (section.listener_path.empty())
    return fail(request_error("/linux/seccomp/listenerPath", "is missing",
                              "SCMP_ACT_NOTIFY needs the socket of an agent"));
  for (std::size_t i = 0; i < section.syscalls.size(); ++i) {
    const SectionSyscalls& rule = section.syscalls[i];
    if (rule.action == SectionAction::notify &&
        std::ranges::find(rule.names, "sendmsg") != rule.names.end())
      return fail(request_error("/linux/seccomp/syscalls/" + std::to_string(i),
                                "SCMP_ACT_NOTIFY of sendmsg cannot be had",
                                "the listener itself is handed over by it"));
  }
  return {};
}

}  // namespace

Status plan_filters(const Config& config, ContainerPlan& plan) {
  YETT_CHECK(check_own_annotations(config));
  YETT_CHECK(add_policy(config, plan));
  if (!config.linux_.seccomp) return {};
  if (section_notifies(*config.linux_.seccomp)) YETT_CHECK(check_agent(*config.linux_.seccomp));
  // The policy's filter, where there is one, kills what is not of this machine's own ABI.
  const OtherAbis others = plan.filters.empty() ? OtherAbis::by_section : OtherAbis::killed_below;
  YETT_TRY(CompiledSection section, compile_section(*config.linux_.seccomp, others));
  plan.filters.push_back(std::move(section.program));
  plan.filter_flags = section.flags;
  // One thread installs it: there is nothing to synchronize, and the kernel refuses both at once.
  if (section.notifies)
    plan.filter_flags = (plan.filter_flags & ~static_cast<unsigned>(SECCOMP_FILTER_FLAG_TSYNC)) |
                        SECCOMP_FILTER_FLAG_NEW_LISTENER;
  return {};
}

}  // namespace yett::oci
