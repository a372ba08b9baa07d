#include "sandbox/host/subordinate_ids.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "sandbox/host/read_file.hpp"

namespace yett {
namespace {

constexpr const char* kUidTool = "/usr/bin/newuidmap";
constexpr const char* kGidTool = "/usr/bin/newgidmap";
// Programs know of 65,536 ids and no more; a longer range would be one more thing to reach.
constexpr std::uint32_t kMostIds = 65'535;

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

Error nothing_for(const std::string& user, const char* file) {
  return host_error("--ids range", file + (" has no ids for " + user),
                    "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + user +
                        ", or leave --ids out");
}

// ---- the child that maps ------------------------------------------------------------------------

using Words = std::vector<std::string>;

Words map_command(const char* tool, pid_t process, unsigned own, const IdRange& more) {
  return {tool,
          std::to_string(process),
          "0",
          std::to_string(own),
          "1",
          "1",
          std::to_string(more.first),
          std::to_string(more.count)};
}

int run_tool(const Words& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const int quiet = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; ++fd) ::dup2(quiet, fd);
    char* const nothing[] = {nullptr};
    ::execve(arguments[0], arguments.data(), nothing);
    ::_exit(127);
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

[[noreturn]] void map_when_told(int gate, const Words& uids, const Words& gids) {
  char told = 0;
  if (::read(gate, &told, 1) != 1) ::_exit(1);  // its parent has died or gave up
  ::_exit(run_tool(uids) == 0 && run_tool(gids) == 0 ? 0 : 1);
}

}  // namespace

std::optional<IdRange> parse_subordinate_ids(std::string_view text, std::string_view user,
                                             uid_t id) {
  const std::string number = std::to_string(id);
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    const std::string_view owner = take_until(line, ':');
    if (owner.empty() || (owner != user && owner != number)) continue;
    const auto first = parse_decimal(take_until(line, ':'), UINT32_MAX - 1);
    const auto count = parse_decimal(line, UINT32_MAX);
    if (!first || !count || *first == 0 || *count == 0 || *first + *count > UINT32_MAX) continue;
    return IdRange{.first = static_cast<std::uint32_t>(*first),
                   .count = std::min(static_cast<std::uint32_t>(*count), kMostIds)};
  }
  return std::nullopt;
}

std::string_view user_name_of(std::string_view passwd, uid_t id) {
  const std::string number = std::to_string(id);
  while (!passwd.empty()) {
    std::string_view line = take_until(passwd, '\n');
    const std::string_view name = take_until(line, ':');
    take_until(line, ':');
    if (take_until(line, ':') == number) return name;
  }
  return {};
}

Result<SubordinateIds> find_subordinate_ids() {
  for (const char* tool : {kUidTool, kGidTool})
    if (::access(tool, X_OK) != 0)
      return fail(host_error("--ids range", tool + std::string(" is not there"),
                             "install the package uidmap, or leave --ids out"));
  const std::string passwd = read_file("/etc/passwd").value_or("");
  const uid_t id = ::getuid();
  const std::string user(user_name_of(passwd, id));
  const std::string who = user.empty() ? "uid " + std::to_string(id) : user;
  const auto uids = parse_subordinate_ids(read_file("/etc/subuid").value_or(""), user, id);
  if (!uids) return fail(nothing_for(who, "/etc/subuid"));
  const auto gids = parse_subordinate_ids(read_file("/etc/subgid").value_or(""), user, id);
  if (!gids) return fail(nothing_for(who, "/etc/subgid"));
  return SubordinateIds{.uids = *uids, .gids = *gids};
}

Result<IdMapper> IdMapper::start(const SubordinateIds& ids) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const Words uids = map_command(kUidTool, ::getpid(), ::getuid(), ids.uids);
  const Words gids = map_command(kGidTool, ::getpid(), ::getgid(), ids.gids);
  const pid_t child = ::fork();
  if (child < 0) return fail(errno_error("fork", "newuidmap"));
  if (child == 0) {
    writer.reset();
    map_when_told(reader.get(), uids, gids);
  }
  return IdMapper(child, std::move(writer));
}

bool IdMapper::finish() {
  gate_.reset();
  int status = 1;
  while (::waitpid(*child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_.reset();
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Status IdMapper::map() {
  const char go = 1;
  const bool told = ::write(gate_.get(), &go, 1) == 1;
  if (finish() && told) return {};
  return fail(host_error("--ids range", "newuidmap or newgidmap refused the ranges of /etc/subuid",
                         "see that both are set-uid, or leave --ids out"));
}

IdMapper::~IdMapper() {
  if (child_) static_cast<void>(finish());
}

}  // namespace yett
