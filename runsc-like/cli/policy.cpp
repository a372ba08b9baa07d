#include "runsc-like/cli/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/input_file.hpp"
#include "runsc-like/cli/policy_record.hpp"
#include "runsc-like/cli/policy_swap.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "sandbox/plan/mode_table.hpp"
#include "sandbox/plan/syscall_rows.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "sandbox/policy/policy_diff.hpp"
#include "supervisor/session/foreground.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kMaxPolicyFile = 1ULL << 20;
constexpr int kUsage = 2;
constexpr CommandHelp kHelp{
    .description =
        "check  reads FILE and tells every mistake in it, with its place and the nearest valid "
        "name\n"
        "plan   shows where each rule goes on this host, why nobody can race it, and what it "
        "costs\n"
        "modes  what each mode can hold, as a table in Markdown\n"
        "diff   what NEW allows and OLD does not, and the other way round; status 1 when they "
        "differ\n"
        "record runs COMMAND traced and writes its policy with what would let the refused calls "
        "pass;\n       what a refusal kept from happening is seen by recording again with that "
        "policy\n"
        "swap   gives the sandbox ID, which runs, another policy: all of it at one moment, or "
        "nothing",
    .usage =
        "yett policy check FILE\n"
        "       yett policy plan FILE|plugin|container|rvisor|none [--calls]\n"
        "       yett policy modes\n"
        "       yett policy diff OLD NEW\n"
        "       yett policy swap ID FILE\n"
        "       yett policy record [-o FILE] [OPTIONS OF run] -- COMMAND",
    .examples =
        "Examples:\n  yett policy check app.toml\n  yett policy plan plugin --calls\n"
        "  yett policy diff plugin app.toml\n"
        "  yett policy record -o app.toml -- ./app; yett run --policy app.toml -- ./app"};

bool is_builtin(std::string_view name) {
  return std::ranges::count(builtin_policy_names(), name) != 0;
}

Result<Policy> load(const std::string& name) {
  if (is_builtin(name)) return make_builtin_policy(name);
  const bool like_a_file =
      name.find('/') != std::string::npos || name.find('.') != std::string::npos;
  if (!like_a_file) return make_builtin_policy(name);
  YETT_TRY(const std::string text, read_input_file(name, kMaxPolicyFile));
  return parse_policy(text, name);
}

// Parser's notes are whole lines already; other errors get the command's name before them.
int print_policy_error(const Error& error) {
  if (error.operation.empty() && error.subject.empty()) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
    return 1;
  }
  return print_error("policy", error, 1);
}

std::size_t count_checked(const std::vector<SyscallRule>& rules) {
  return static_cast<std::size_t>(std::ranges::count_if(rules, [](const SyscallRule& rule) {
    return rule.reachable() &&
           (rule.object_checked || !rule.when.empty() || rule.action == SyscallAction::notify);
  }));
}

int check(const std::string& name) {
  const auto policy = load(name);
  if (!policy) return print_policy_error(policy.error());
  const auto& rules = policy->syscalls.rules;
  const auto reachable = std::ranges::count_if(rules, &SyscallRule::reachable);
  std::printf("%s: good; %td of %zu system calls reachable, sha256 %s\n", name.c_str(), reachable,
              rules.size(), hash_policy(*policy).c_str());
  return 0;
}

struct Widths {
  std::size_t rule = 4;
  std::size_t plane = 5;
  std::size_t cost = 4;
};

Widths widths_of(const std::vector<PlacedRule>& rows) {
  constexpr std::size_t kWidestRule = 48;
  Widths widths;
  for (const PlacedRule& row : rows) {
    widths.rule = std::max(widths.rule, std::min(kWidestRule, row.rule.size()));
    widths.plane = std::max(widths.plane, std::string_view(plane_name(row.plane)).size());
    widths.cost = std::max(widths.cost, row.cost.size());
  }
  return widths;
}

void print_rows(const std::vector<PlacedRule>& rows) {
  const Widths widths = widths_of(rows);
  const auto line = [&widths](std::string_view rule, std::string_view plane, std::string_view cost,
                              std::string_view live, std::string_view because) {
    const std::string text = fmt::format("{:<{}}  {:<{}}  {:<{}}  {:<4}  {}\n", rule, widths.rule,
                                         plane, widths.plane, cost, widths.cost, live, because);
    std::fwrite(text.data(), 1, text.size(), stdout);
  };
  line("RULE", "PLANE", "COST", "LIVE", "RACE-FREE BECAUSE");
  for (const PlacedRule& row : rows)
    line(escape_for_terminal(row.rule), plane_name(row.plane), row.cost,
         row.swappable ? "yes" : "-", row.race_free_because);
}

void print_summary(const SandboxPlan& plan) {
  const auto& rules = plan.filter.rules;
  const std::size_t reachable = count_reachable(plan.filter);
  const std::size_t checked = count_checked(rules);
  std::string backends;
  for (const std::string& name : plan.backends) {
    if (!backends.empty()) backends += ", ";
    backends += name;
  }
  if (plan.filter.installed)
    std::printf("\n%zu of %zu system calls reachable, %zu of them without a second check\n",
                reachable, rules.size(), reachable - checked);
  else
    std::printf("\nno filter: every system call of the kernel is reachable\n");
  std::printf("planes in force: %s\npolicy sha256 %s\n", backends.c_str(),
              plan.policy_hash.c_str());
  for (const std::string& given_up : plan.reduced) std::printf("given up: %s\n", given_up.c_str());
}

enum class Calls { summed, listed };

int plan(const std::string& name, Calls calls) {
  const auto policy = load(name);
  if (!policy) return print_policy_error(policy.error());
  const SandboxRequest request{.command = {"true"}};
  const auto planned = plan_session(request, *policy);
  if (!planned) return print_policy_error(planned.error());
  std::vector<PlacedRule> rows = planned->rules;
  if (planned->filter.installed) {
    const auto call_rows = syscall_rows(planned->filter);
    const auto first = calls == Calls::listed ? call_rows.begin() : call_rows.end() - 1;
    rows.insert(rows.end(), first, call_rows.end());
  }
  print_rows(rows);
  print_summary(*planned);
  return 0;
}

const char* direction_name(Direction direction) {
  switch (direction) {
    case Direction::wider:
      return "wider";
    case Direction::narrower:
      return "narrower";
    case Direction::other:
      break;
  }
  return "other";
}

int diff(const std::string& old_name, const std::string& new_name) {
  const auto old_policy = load(old_name);
  if (!old_policy) return print_policy_error(old_policy.error());
  const auto new_policy = load(new_name);
  if (!new_policy) return print_policy_error(new_policy.error());
  const auto differences = diff_policies(*old_policy, *new_policy);
  for (const PolicyDifference& each : differences)
    std::printf("%-8s  %s\n", direction_name(each.direction), each.text.c_str());
  return differences.empty() ? 0 : 1;
}

int modes() {
  std::fputs(mode_table().c_str(), stdout);
  return 0;
}

int usage(int status) {
  bool calls = false;
  const std::array options{
      Option{.name = "calls", .help = "one line per reachable system call too", .target = &calls}};
  std::fputs(help_text(kHelp, options).c_str(), status == 0 ? stdout : stderr);
  return status;
}

}  // namespace

int run_policy(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return usage(kUsage);
  if (words[0] == "--help" || words[0] == "-h") return usage(0);
  if (words[0] == "modes" && words.size() == 1) return modes();
  if (words[0] == "check" && words.size() == 2) return check(words[1]);
  if (words[0] == "plan" && words.size() == 2) return plan(words[1], Calls::summed);
  if (words[0] == "diff" && words.size() == 3) return diff(words[1], words[2]);
  if (words[0] == "record") return run_policy_record(argc - 1, argv + 1);
  if (words[0] == "swap") return run_policy_swap(argc - 1, argv + 1);
  if (words[0] == "plan" && words.size() == 3 && words[2] == "--calls")
    return plan(words[1], Calls::listed);
  std::fprintf(stderr, "yett policy: cannot read '%s'\n",
               escape_for_terminal(words.back()).c_str());
  return usage(kUsage);
}

}  // namespace yett
