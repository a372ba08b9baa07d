#include "runsc-like/cli/usage_rows.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "runsc-like/cli/daemon_programs.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"

namespace yett {
namespace {

constexpr std::string_view kDaemons = "yettd/";

bool has(const std::vector<std::string>& ids, const std::string& id) {
  return std::ranges::find(ids, id) != ids.end();
}

UsageRow row_of(const ListedSandbox& sandbox) {
  const oci::ContainerState& state = sandbox.state;
  const auto created = parse_time(state.created);
  return {.id = state.id,
          .made_of = escape_for_terminal(state.sandbox ? state.sandbox->image : state.bundle),
          .age_ns = created ? std::max<std::int64_t>(0, real_time_ns() - *created) : 0,
          .counted = !state.cgroups.empty(),
          .usage = state.cgroups.empty() ? ResourceUsage{} : read_usage(state.cgroups),
          .refusals = std::nullopt};
}

std::optional<std::uint64_t> limit_of(std::uint64_t told) {
  return told == 0 ? std::nullopt : std::optional(told);
}

UsageRow row_of(const yett_program_info& program, std::string_view prefix) {
  return {.id = std::string(prefix) + std::to_string(program.program),
          .made_of = made_of(program),
          .age_ns = static_cast<std::int64_t>(program.age_ns),
          .counted = program.process_count != 0 || program.memory_bytes != 0,
          .usage = {.cpu_ns = program.cpu_ns,
                    .memory_bytes = program.memory_bytes,
                    .memory_limit = limit_of(program.memory_limit),
                    .processes = program.process_count,
                    .processes_limit = limit_of(program.process_limit)},
          .refusals = program.refusals};
}

Status check_counted(const UsageRow& row) {
  if (row.counted) return {};
  return fail(host_error(row.id, "it has no cgroup, which would count what it takes",
                         "the full mode gives it one"));
}

}  // namespace

Result<UsageSource> UsageSource::open(const std::string& socket) {
  UsageSource source;
  source.with_store_ = socket.empty();
  const bool is_usual = socket.empty() && !oci_globals().given;
  const std::string place = is_usual ? usual_host() : socket;
  if (place.empty()) return source;
  auto link = DaemonLink::connect(place);
  if (!link && !is_usual) return fail(std::move(link).error());
  if (link) source.link_ = *std::move(link);
  return source;
}

Status UsageSource::add_stored(const std::vector<std::string>& ids, UsageLook& look) const {
  for (const std::string& id : ids) {
    if (id.starts_with(kDaemons)) continue;
    YETT_TRY(const ListedSandbox each, find_sandbox(oci_store(), id));
    if (!is_alive(each.status))
      return fail(request_error(id, "it is not running", "yett ps lists what is"));
    look.rows.push_back(row_of(each));
    YETT_CHECK(check_counted(look.rows.back()));
  }
  if (!ids.empty()) return {};
  for (const ListedSandbox& each : list_sandboxes(oci_store()))
    if (is_alive(each.status)) look.rows.push_back(row_of(each));
  return {};
}

Status UsageSource::add_daemons(const std::vector<std::string>& ids, UsageLook& look) {
  std::vector<yett_program_info> programs;
  if (link_) {
    auto read = read_programs(*link_);
    // One that nobody named may leave, or not be for this user.
    if (!read && !with_store_) return fail(std::move(read).error());
    if (!read) link_.reset();
    if (read) programs = *std::move(read);
  }
  for (const yett_program_info& each : programs) {
    UsageRow row = row_of(each, with_store_ ? kDaemons : "");
    if (!ids.empty() && !has(ids, row.id)) continue;
    if (!ids.empty()) YETT_CHECK(check_counted(row));
    look.rows.push_back(std::move(row));
  }
  return {};
}

Result<UsageLook> UsageSource::look(const std::vector<std::string>& ids) {
  UsageLook now{.at_ns = real_time_ns(), .rows = {}};
  if (with_store_) YETT_CHECK(add_stored(ids, now));
  YETT_CHECK(add_daemons(ids, now));
  std::ranges::sort(now.rows, {}, &UsageRow::id);
  for (const std::string& id : ids)
    if (std::ranges::find(now.rows, id, &UsageRow::id) == now.rows.end())
      return fail(request_error(id, "yettd runs no such program of yours"));
  return now;
}

}  // namespace yett
