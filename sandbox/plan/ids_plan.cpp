// More ids than one, for a program that is root of them: --ids. docs/decisions/0056-id-ranges.md.
#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>

#include "sandbox/plan/plan_steps.hpp"

namespace yett {
namespace {

constexpr std::uint64_t bit(unsigned capability) { return 1ULL << capability; }

// SECURITY(ids-capabilities): over the ids of its own namespace, and nothing else of it: no mounts,
// no devices, no network, no tracing, no capability of a file.
constexpr std::uint64_t kRootOfIds = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) |
                                     bit(CAP_KILL) | bit(CAP_SETGID) | bit(CAP_SETUID);

// The caller at 0, as in the namespace around it: who comes again finds the same ids.
std::vector<IdMapping> map_of(std::uint32_t more) { return {{0, 0, 1}, {1, 1, more}}; }

Error cannot(std::string why, std::string mend) {
  return host_error("--ids range", std::move(why), std::move(mend));
}

}  // namespace

Status plan_ids(const PlanInputs& inputs, SandboxPlan& plan) {
  const SandboxRequest& request = inputs.request;
  const PlanContext& context = inputs.context;
  if (request.ids == Ids::one) return {};
  if (request.user.uid != 0 || request.user.gid != 0)
    return fail(request_error("--ids", "the program is root of its ids", "leave -u out"));
  if (plan.mode == Mode::fallback)
    return fail(cannot("the fallback mode keeps the caller's id", "leave --ids out"));
  if (context.more_uids == 0 || plan.mode != Mode::rootless) {
    const std::string why = context.ids_missing.empty() ? "there are none" : context.ids_missing;
    if (request.ids == Ids::range) return fail(cannot(why, "leave --ids out"));
    plan.reduced.push_back(fmt::format("ids: one: {}", why));
    return {};
  }
  IdentityPlan& identity = plan.identity;
  identity.uid_map = map_of(context.more_uids);
  identity.gid_map = map_of(context.more_gids);
  identity.capabilities = kRootOfIds;
  identity.keeps_groups = context.has_groups;
  plan.reduced.push_back(
      fmt::format("ids: the program is root of its user and of {} ids beside: it may become them, "
                  "and read and give away what is theirs",
                  context.more_uids));
  if (identity.keeps_groups)
    plan.reduced.emplace_back("ids: setgroups is refused: the caller's groups stay");
  return {};
}

// With one id there is no group to take.
void allow_setgroups(FilterPlan& filter) {
  const auto rule = std::ranges::find(filter.rules, "setgroups", &SyscallRule::name);
  if (rule == filter.rules.end() || !rule->reachable() || rule->action == SyscallAction::notify)
    return;
  rule->when = {};
  rule->reason = "the groups of its own ids";
}

}  // namespace yett
