#include "runsc-like/oci/life/systemd_scope.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"
#include "ioctl_uapi/clone.hpp"
#include "sandbox/guard/cgroup_files.hpp"
#include "sandbox/package/pack/run_tool.hpp"

namespace yett::oci {
namespace {

constexpr const char* kDefaultSlice = "system.slice";
constexpr const char* kDefaultPrefix = "yett";
constexpr const char* kMend = "systemd-run and systemctl are in the package systemd";

// What systemd takes for a unit's name, without what would need escaping.
bool is_unit_name(std::string_view name) {
  constexpr std::size_t kLongest = 255;
  constexpr std::string_view kCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\";
  return !name.empty() && name.size() <= kLongest && name[0] != '.' &&
         name.find_first_not_of(kCharacters) == std::string_view::npos;
}

// "a-b.slice" is below "a.slice": systemd.slice(5).
std::string slice_path(const std::string& slice) {
  if (slice == "-.slice") return {};
  const std::string stem = slice.substr(0, slice.size() - std::string_view(".slice").size());
  std::string path;
  for (std::size_t dash = stem.find('-'); dash != std::string::npos;
       dash = stem.find('-', dash + 1))
    path += "/" + stem.substr(0, dash) + ".slice";
  return path + "/" + slice;
}

bool is_slice(const std::string& slice) {
  if (!is_unit_name(slice) || !slice.ends_with(".slice")) return false;
  const std::string stem = slice.substr(0, slice.size() - std::string_view(".slice").size());
  return stem == "-" || (!stem.empty() && !stem.starts_with('-') && !stem.ends_with('-') &&
                         stem.find("--") == std::string::npos);
}

struct Property {
  std::string_view file;
  std::string_view name;
};
constexpr auto kProperties = std::to_array<Property>({
    {"memory.max", "MemoryMax"},
    {"memory.low", "MemoryLow"},
    {"memory.high", "MemoryHigh"},
    {"memory.swap.max", "MemorySwapMax"},
    {"pids.max", "TasksMax"},
    {"cpu.weight", "CPUWeight"},
    {"io.weight", "IOWeight"},
    {"cpuset.cpus", "AllowedCPUs"},
    {"cpuset.mems", "AllowedMemoryNodes"},
});

// "50000 100000" of microseconds as a share in hundredths of a percent, rounded up.
void add_cpu_quota(const std::string& value, std::vector<std::string>& properties) {
  const std::size_t blank = value.find(' ');
  const auto quota = parse_decimal(value.substr(0, blank));
  const auto period =
      blank == std::string::npos ? std::nullopt : parse_decimal(value.substr(blank + 1));
  if (period) properties.push_back("CPUQuotaPeriodSec=" + std::to_string(*period) + "us");
  if (!quota || !period || *period == 0) {
    properties.emplace_back("CPUQuota=");
    return;
  }
  const std::uint64_t share = (*quota * 10000 + *period - 1) / *period;
  const std::string rest = std::to_string(share % 100);
  properties.push_back("CPUQuota=" + std::to_string(share / 100) + "." +
                       (rest.size() < 2 ? "0" : "") + rest + "%");
}

std::vector<std::string> run_words(const SystemdScope& scope,
                                   const std::vector<std::string>& properties) {
  std::vector<std::string> words{"systemd-run",
                                 "--scope",
                                 "--quiet",
                                 "--collect",
                                 "--unit=" + scope.unit,
                                 "--slice=" + scope.slice,
                                 "--description=yett container " + scope.unit,
                                 "--property=Delegate=yes",
                                 "--property=DefaultDependencies=no"};
  for (const std::string& property : properties) words.push_back("--property=" + property);
  // Says back what it is told, from inside the scope, and ends when nobody holds its input.
  words.insert(words.end(), {"--", "cat"});
  return words;
}

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};
Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("pipe"));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  void give(const UniqueFd& fd, int as) {
    ::posix_spawn_file_actions_adddup2(&actions_, fd.get(), as);
  }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

Result<ChildProcess> spawn(const std::vector<std::string>& words, const SpawnActions& actions) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], actions.get(), nullptr, argv.data(), environ);
  if (error != 0) {
    Error failure = errno_error(error, "run", words[0]);
    failure.mend = kMend;
    return fail(std::move(failure));
  }
  YETT_TRY(UniqueFd pidfd, open_pidfd(pid));
  return ChildProcess(pid, std::move(pidfd));
}

// What was sent comes back once systemd has made the scope; else why not.
Status await_echo(const UniqueFd& reader, const std::string& unit) {
  constexpr int kPatience = 30'000;
  struct pollfd ready{.fd = reader.get(), .events = POLLIN, .revents = 0};
  std::array<char, 1024> said{};
  if (::poll(&ready, 1, kPatience) != 1)
    return fail(host_error("systemd", "did not make " + unit + " in 30 s"));
  const ssize_t got = ::read(reader.get(), said.data(), said.size());
  std::string text(said.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  if (text == "\n") return {};
  while (text.ends_with('\n')) text.pop_back();
  return fail(Error{.operation = "make systemd scope", .subject = unit, .detail = std::move(text)});
}

Status check_place(const ChildProcess& process, const SystemdScope& scope) {
  const std::string text = read_cgroup_file("/proc/" + std::to_string(process.pid()), "cgroup");
  if (("\n" + text).find("\n0::" + scope.cgroup_path + "\n") != std::string::npos) return {};
  return fail(Error{.operation = "make systemd scope",
                    .subject = scope.unit,
                    .detail = "it is not at " + scope.cgroup_path + " but at " + text});
}

}  // namespace

Result<SystemdScope> parse_systemd_path(const std::string& asked, const std::string& container) {
  SystemdScope scope{.unit = container, .slice = kDefaultSlice, .cgroup_path = {}};
  std::string prefix = kDefaultPrefix;
  if (!asked.empty()) {
    const std::size_t first = asked.find(':');
    const std::size_t second = first == std::string::npos ? first : asked.find(':', first + 1);
    if (second == std::string::npos || asked.find(':', second + 1) != std::string::npos)
      return fail(request_error("/linux/cgroupsPath", "'" + asked + "' is no SLICE:PREFIX:NAME",
                                "system.slice:yett:app1, or leave out --systemd-cgroup"));
    if (first > 0) scope.slice = asked.substr(0, first);
    prefix = asked.substr(first + 1, second - first - 1);
    if (second + 1 < asked.size()) scope.unit = asked.substr(second + 1);
  }
  scope.unit = (prefix.empty() ? "" : prefix + "-") + scope.unit + ".scope";
  if (!is_slice(scope.slice))
    return fail(request_error("/linux/cgroupsPath", "'" + scope.slice + "' is no slice",
                              "like machine-app.slice"));
  if (!is_unit_name(scope.unit))
    return fail(request_error("/linux/cgroupsPath", "'" + scope.unit + "' is no unit's name",
                              "letters, digits and any of : - _ ."));
  scope.cgroup_path = slice_path(scope.slice) + "/" + scope.unit;
  return scope;
}

std::vector<std::string> systemd_properties(const std::vector<CgroupSetting>& settings) {
  std::vector<std::string> properties;
  for (const CgroupSetting& setting : settings) {
    if (setting.failure == SettingFailure::ignored) continue;
    if (setting.file == "cpu.max") add_cpu_quota(setting.value, properties);
    const auto* found = std::ranges::find(kProperties, setting.file, &Property::file);
    if (found == kProperties.end()) continue;
    const std::string value = setting.value == "max" ? "infinity" : setting.value;
    properties.push_back(std::string(found->name) + "=" + value);
  }
  return properties;
}

Status check_systemd(const CgroupFeatures& features) {
  if (::access("/run/systemd/system", F_OK) != 0)
    return fail(host_error("--systemd-cgroup", "systemd is not this host's init",
                           "use the cgroupfs driver"));
  if (features.v2_mount.empty() || !features.v1_mounts.empty())
    return fail(host_error("--systemd-cgroup", "needs cgroup v2 alone, and this host has v1",
                           "use the cgroupfs driver, or boot with "
                           "systemd.unified_cgroup_hierarchy=1"));
  return {};
}

Result<HeldScope> make_systemd_scope(const SystemdScope& scope,
                                     const std::vector<std::string>& properties) {
  YETT_TRY(Pipe input, make_pipe());
  YETT_TRY(Pipe output, make_pipe());
  SpawnActions actions;
  actions.give(input.reader, STDIN_FILENO);
  actions.give(output.writer, STDOUT_FILENO);
  actions.give(output.writer, STDERR_FILENO);
  if (::write(input.writer.get(), "\n", 1) != 1) return fail(errno_error("write", "systemd-run"));
  YETT_TRY(ChildProcess process, spawn(run_words(scope, properties), actions));
  output.writer.reset();
  YETT_CHECK(await_echo(output.reader, scope.unit));
  YETT_CHECK(check_place(process, scope));
  return HeldScope(std::move(process), std::move(input.writer));
}

Status set_systemd_properties(const std::string& unit, const std::vector<std::string>& properties) {
  if (properties.empty()) return {};
  std::vector<std::string> words{"systemctl", "set-property", "--runtime", "--", unit};
  words.insert(words.end(), properties.begin(), properties.end());
  YETT_TRY(const ToolOutcome done, run_tool(words, kMend, [](std::string_view) {}));
  if (done.exit_status == 0) return {};
  return fail(
      Error{.operation = "systemctl set-property", .subject = unit, .detail = done.last_lines});
}

Status end_scope(const std::string& unit) {
  constexpr int kNotLoaded = 5;  // EXIT_NOTINSTALLED, systemctl's word for a unit that is not there
  YETT_TRY(const ToolOutcome done,
           run_tool({"systemctl", "stop", "--", unit}, kMend, [](std::string_view) {}));
  if (done.exit_status == 0 || done.exit_status == kNotLoaded) return {};
  return fail(Error{.operation = "systemctl stop", .subject = unit, .detail = done.last_lines});
}

}  // namespace yett::oci
