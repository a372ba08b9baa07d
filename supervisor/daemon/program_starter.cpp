#include "supervisor/daemon/program_starter.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace yett {

// SECURITY(template-users): a template that is not the caller's is none.
int ProgramStarter::check(const std::string& template_name, uid_t caller) const {
  const auto found = config_.templates.find(template_name);
  if (found == config_.templates.end()) return -ENOENT;
  const auto& users = found->second.users;
  return caller == 0 || std::ranges::find(users, caller) != users.end() ? 0 : -ENOENT;
}

bool ProgramStarter::has_room(uid_t caller) const {
  if (roster_.count() >= config_.most_sandboxes) return false;
  return caller == 0 || roster_.count_of(caller) < config_.most_per_user;
}

int ProgramStarter::enlist(Result<StartedSupervisor> started, const std::string& made_of, bool warm,
                           const ProgramCaller& caller) {
  Result<int> number = started ? roster_.add(*std::move(started),
                                             {.caller = caller, .made_of = made_of, .warm = warm})
                               : fail(std::move(started).error());
  if (number) return *number;
  metrics_.count_failed_start();
  log_.error("a program could not be begun",
             {{"of", made_of}, {"error", number.error().message()}});
  return number.error().sys_errno == EMFILE || number.error().sys_errno == EAGAIN ? -EAGAIN : -EIO;
}

int ProgramStarter::begin(const Recipe& recipe, ProgramWanted wanted, const ProgramCaller& caller) {
  if (!has_room(caller.uid)) return -EAGAIN;
  if (recipe.template_name.empty()) {
    // SECURITY(create-swapped): a path is what is handed on.
    if (!is_still_there(recipe.directory.path, recipe.directory.opened.borrow())) return -ENOENT;
    return begin_cold({.options = {recipe.directory.path}}, recipe.directory.path,
                      std::move(wanted), caller);
  }
  // Again: the configuration may be another one since.
  if (const int error = check(recipe.template_name, caller.uid); error != 0) return error;
  if (auto warm = pool_.take(recipe.template_name)) {
    const bool sent = send_program(warm->news.borrow(), wanted).has_value();
    if (sent) closer_.close(wanted.descriptors);
    if (sent) return enlist(*std::move(warm), recipe.template_name, true, caller);
    log_.error("a sandbox of the pool does not listen", {{"template", recipe.template_name}});
  }
  const SandboxTemplate& made_of = config_.templates.at(recipe.template_name);
  if (made_of.warm_fork) return begin_fork(recipe.template_name, std::move(wanted), caller);
  return begin_cold(made_of, recipe.template_name, std::move(wanted), caller);
}

int ProgramStarter::begin_fork(const std::string& name, ProgramWanted wanted,
                               const ProgramCaller& caller) {
  auto born = forks_.start(name);
  const bool sent = born && send_program(born->news.borrow(), wanted);
  closer_.close(wanted.descriptors);
  if (born && !sent) born = fail(errno_error(EAGAIN, "begin an instance", name));  // it has died
  return enlist(std::move(born), name, false, caller);
}

int ProgramStarter::begin_cold(const SandboxTemplate& made_of, const std::string& name,
                               ProgramWanted wanted, const ProgramCaller& caller) {
  SupervisorWanted supervisor{.words = words_of(made_of, wanted.arguments, wanted.environment),
                              .environment = own_environment(),
                              .rights = {},
                              .when = WhenStarted::now,
                              .descriptors = {}};
  std::ranges::move(wanted.descriptors, supervisor.descriptors.begin());
  auto started = starter_.start(supervisor);
  closer_.close(supervisor.descriptors);
  return enlist(std::move(started), name, false, caller);
}

// SECURITY(pool-run): those of the pool are made with root's rights. A terminal is made before its
// program.
std::optional<StartedSupervisor> ProgramStarter::begin_like(SupervisorWanted& wanted) {
  const auto streams = std::span(wanted.descriptors).first<3>();
  const bool is_terminal =
      std::ranges::all_of(streams, [](const UniqueFd& each) { return ::isatty(each.get()) == 1; });
  if (wanted.rights.uid != 0 || is_terminal || !read_run_ || pool_.is_empty()) return std::nullopt;
  auto run = read_run_(wanted.words, wanted.environment);
  if (!run) return std::nullopt;
  auto warm = pool_.take_like(*run);
  if (!warm) return std::nullopt;
  ProgramWanted program{.arguments = std::move(run->arguments),
                        .environment = std::move(run->environment),
                        .descriptors = {},
                        .directory = std::move(wanted.descriptors.back()),
                        .report_file = std::move(run->report_file)};
  std::ranges::move(streams, program.descriptors.begin());
  const bool sent = send_program(warm->news.borrow(), program).has_value();
  std::ranges::move(program.descriptors, wanted.descriptors.begin());
  wanted.descriptors.back() = std::move(program.directory);
  if (sent) return warm;
  log_.error("a sandbox of the pool does not listen", {{"for", "run"}});
  return std::nullopt;
}

Result<StartedSupervisor> ProgramStarter::make_waiting(const SandboxTemplate& made_of) {
  return starter_.start({.words = words_of(made_of, {"true"}, {}),
                         .environment = own_environment(),
                         .rights = {},
                         .when = WhenStarted::when_told,
                         .descriptors = {}});
}

int ProgramStarter::begin_function(const Recipe& recipe, UniqueFd entrance,
                                   const ProgramCaller& caller) {
  if (!has_room(caller.uid)) return -EAGAIN;
  const bool is_template = !recipe.template_name.empty();
  SandboxTemplate made_of{.options = {recipe.directory.path}};
  if (is_template) {
    if (const int error = check(recipe.template_name, caller.uid); error != 0) return error;
    made_of = config_.templates.at(recipe.template_name);
  } else if (!is_still_there(recipe.directory.path, recipe.directory.opened.borrow())) {
    return -ENOENT;
  }
  if (made_of.warm_fork) return -EOPNOTSUPP;  // what waits there is a copy of a program
  ProgramWanted wanted;
  wanted.entrance = std::move(entrance);
  const std::string& name = is_template ? recipe.template_name : recipe.directory.path;
  if (auto warm = is_template ? pool_.take(name) : std::nullopt) {
    if (send_program(warm->news.borrow(), wanted))
      return enlist(*std::move(warm), name, true, caller);
    log_.error("a sandbox of the pool does not listen", {{"template", name}});
  }
  auto started = make_waiting(made_of);
  if (started && !send_program(started->news.borrow(), wanted))
    started = fail(errno_error(EAGAIN, "begin a function", name));  // it has died
  return enlist(std::move(started), name, false, caller);
}

int ProgramStarter::run(SupervisorWanted wanted, const ProgramCaller& caller) {
  if (!has_room(caller.uid)) return -EAGAIN;
  if (auto warm = begin_like(wanted)) {
    closer_.close(wanted.descriptors);
    return enlist(*std::move(warm), "run", true, caller);
  }
  auto started = starter_.start(wanted);
  closer_.close(wanted.descriptors);
  return enlist(std::move(started), "run", false, caller);
}

}  // namespace yett
