// From the flags of `yett run` to a request and a policy.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <optional>

#include "base/text.hpp"
#include "runsc-like/cli/input_file.hpp"
#include "runsc-like/cli/run_options.hpp"
#include "runsc-like/cli/unpacked_package.hpp"
#include "runsc-like/cli/volume.hpp"
#include "runsc-like/images/image_store.hpp"
#include "runsc-like/images/layers_view.hpp"
#include "sandbox/package/package.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kMaxPolicyFile = 1ULL << 20;
constexpr std::uint64_t kMaxEnvironmentFile = 1ULL << 20;

SourceLocation flag(const char* name) { return {.file = name}; }

Result<std::string> real_path(const std::string& path, const char* flag_name) {
  std::array<char, PATH_MAX> resolved{};
  if (::realpath(path.c_str(), resolved.data()) != nullptr) return std::string(resolved.data());
  Error error = errno_error(flag_name, path);
  error.kind = ErrorKind::invalid_request;
  return fail(std::move(error));
}

std::string current_directory() {
  std::array<char, PATH_MAX> path{};
  return ::getcwd(path.data(), path.size()) != nullptr ? path.data() : "";
}

// ---- image --------------------------------------------------------------------------------------

Error no_image_error(const RunOptions& options, Error error) {
  if (error.sys_errno != ENOENT || options.image.find('/') != std::string::npos) return error;
  return request_error(options.image, "no such image",
                       "a program of the host is run by: yett run -- " + options.image + " ...");
}

// False: it is no name of an image, or there is none of that name.
Result<bool> take_imported(const RunOptions& options, RunInput& input) {
  const auto name = parse_image_name(options.image);
  if (!name) return false;
  const ImageStore store(options.image_root.empty() ? kDefaultImageRoot : options.image_root);
  auto used = store.use(*name);
  if (!used && used.error().kind == ErrorKind::target_gone) return false;
  if (!used) return fail(std::move(used).error());
  input.request.image_path = used->layers.back();
  if (used->layers.size() > 1) input.request.image_layers = std::move(used->layers);
  input.request.image_kind = ImageKind::directory;
  for (UniqueFd& layer : used->in_use) input.in_use.push_back(std::move(layer));
  input.image_config = std::move(used->image.config);
  return true;
}

Status take_image(const RunOptions& options, RunInput& input) {
  if (options.image.empty() || options.image == "host") return {};
  auto path = real_path(options.image, "image");
  if (!path && path.error().sys_errno == ENOENT) {
    YETT_TRY(const bool taken, take_imported(options, input));
    if (taken) return {};
  }
  if (!path) return fail(no_image_error(options, std::move(path).error()));
  input.request.image_path = std::move(*path);
  YETT_TRY(input.request.image_kind, detect_image(input.request.image_path));
  return {};
}

// What an image sets and the caller has not.
void add_defaults(const std::vector<std::string>& defaults, std::vector<std::string>& environment) {
  const auto given = environment;
  for (const std::string& entry : defaults) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    if (std::ranges::none_of(given,
                             [&](const std::string& each) { return each.starts_with(name); }))
      environment.push_back(entry);
  }
}

Result<UniqueFd> open_image(const SandboxRequest& request) {
  return open_layers(request.image_layers.empty() ? std::vector{request.image_path}
                                                  : request.image_layers);
}

Result<PackageManifest> manifest_of(const SandboxRequest& request) {
  if (request.image_layers.empty()) return read_manifest(request.image_path, request.image_kind);
  YETT_TRY(const UniqueFd image, open_image(request));
  return read_manifest("/proc/self/fd/" + std::to_string(image.get()), request.image_kind);
}

// What a package says about itself; the flags and the host's policy go before it.
Status take_manifest(RunInput& input) {
  if (input.request.image_kind == ImageKind::host) return {};
  YETT_TRY(const PackageManifest manifest, manifest_of(input.request));
  if (!manifest.present) return {};
  if (input.request.command.empty()) input.request.command = manifest.command;
  if (input.request.working_directory.empty())
    input.request.working_directory = manifest.working_directory;
  if (input.request.name.empty()) input.request.name = manifest.name;
  add_defaults(manifest.environment, input.request.environment);
  if (manifest.policy_toml.empty()) return {};
  YETT_TRY(const Policy asked,
           parse_policy(manifest.policy_toml, input.request.image_path + ":/yett.toml"));
  input.policy = intersect_policy(input.policy, asked);
  input.package_policy = asked;
  return {};
}

// ---- files --------------------------------------------------------------------------------------

bool is_clean_absolute(const std::string& path) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) return false;
  return (path + "/").find("/../") == std::string::npos &&
         (path + "/").find("/./") == std::string::npos;
}

Result<VolumeRequest> parse_volume(const std::string& text, const RunOptions& options,
                                   RunInput& input) {
  const std::string usage = "wanted SRC:DST[:ro|:rw] with an absolute DST";
  const std::size_t first = text.find(':');
  if (first == std::string::npos || first == 0) return fail(request_error("-v " + text, usage));
  const std::size_t second = text.find(':', first + 1);
  const std::string option = second == std::string::npos ? "" : text.substr(second + 1);
  if (second != std::string::npos && option != "ro" && option != "rw")
    return fail(request_error("-v " + text, usage));
  VolumeRequest volume{.target = text.substr(first + 1, second - first - 1),
                       .read_only = option == "ro"};
  if (!is_clean_absolute(volume.target) || volume.target == "/")
    return fail(request_error("-v " + text, usage));
  const std::string source = text.substr(0, first);
  if (source.find('/') != std::string::npos) {
    YETT_TRY(volume.source, real_path(source, "-v"));
    return volume;
  }
  YETT_TRY(UsedVolume named, use_volume(options.image_root, source));
  YETT_TRY(volume.source, real_path(named.path, "-v"));
  volume.kept_host_id = named.kept_host_id;
  input.in_use.push_back(std::move(named.in_use));
  return volume;
}

Status take_here(const RunOptions& options, SandboxRequest& request) {
  if (options.here.empty()) return {};
  const std::string& here = request.host_working_directory;
  if (here.empty() || here == "/")
    return fail(request_error("--here",
                              "the current directory is " + (here.empty() ? "gone" : here),
                              "change into a project's directory"));
  request.volumes.push_back({.source = here, .target = here, .read_only = options.here != "rw"});
  if (request.working_directory.empty()) request.working_directory = here;
  return {};
}

Status take_overlays(const RunOptions& options, SandboxRequest& request) {
  if (!options.overlay.empty()) {
    YETT_TRY(request.overlay_dir, real_path(options.overlay, "--overlay"));
  }
  for (const std::string& directory : options.overlay_dirs) {
    if (!is_clean_absolute(directory) || directory == "/")
      return fail(request_error("--overlay-dirs " + directory,
                                "wanted absolute top directories, comma separated"));
    request.overlay_host_dirs.push_back(directory);
  }
  request.exec_dir = options.exec_dir;
  if (!options.exec_dir.empty() && !is_clean_absolute(options.exec_dir))
    return fail(request_error("--exec-dir " + options.exec_dir, "wanted an absolute path"));
  if (options.data_dir.empty()) return {};
  YETT_TRY(request.data_dir, real_path(options.data_dir, "--data-dir"));
  return {};
}

Status take_files(const RunOptions& options, RunInput& input) {
  SandboxRequest& request = input.request;
  for (const std::string& text : options.volumes) {
    YETT_TRY(VolumeRequest volume, parse_volume(text, options, input));
    request.volumes.push_back(std::move(volume));
  }
  request.working_directory = options.working_directory;
  if (!options.working_directory.empty() && !options.working_directory.starts_with('/'))
    return fail(request_error("-w " + options.working_directory, "wanted an absolute path inside"));
  YETT_CHECK(take_overlays(options, request));
  return take_here(options, request);
}

// ---- process ------------------------------------------------------------------------------------

// "NAME=VALUE" whole, or "NAME": the caller's value, left out when the caller has none.
Status add_variable(const std::string& text, const std::string& origin,
                    std::vector<std::string>& environment) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || text.empty())
    return fail(
        request_error(origin, "wanted NAME=VALUE, got '" + escape_for_terminal(text) + "'"));
  if (equals != std::string::npos) {
    environment.push_back(text);
    return {};
  }
  if (const char* value = std::getenv(text.c_str()); value != nullptr)
    environment.push_back(text + "=" + value);
  return {};
}

Status add_environment_file(const std::string& path, std::vector<std::string>& environment) {
  YETT_TRY(const std::string text, read_input_file(path, kMaxEnvironmentFile));
  std::size_t line_number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (line.empty() || line.starts_with('#')) continue;
    YETT_CHECK(add_variable(line, path + ":" + std::to_string(line_number), environment));
  }
  return {};
}

Status take_user(const std::string& text, IdRequest& user) {
  if (text.empty()) return {};
  const std::size_t colon = text.find(':');
  // Half of what the kernel takes: signed readers elsewhere turn the rest into other ids.
  const auto uid = parse_decimal(text.substr(0, colon), INT32_MAX);
  const auto gid =
      colon == std::string::npos ? uid : parse_decimal(text.substr(colon + 1), INT32_MAX);
  if (!uid || !gid)
    return fail(
        request_error("-u " + text, "wanted UID or UID:GID in decimal, each below 2147483648"));
  user = {.uid = static_cast<std::uint32_t>(*uid), .gid = static_cast<std::uint32_t>(*gid)};
  return {};
}

// What the image says of how it wants to be run; the flags go before it.
Status take_image_config(const ImageConfig& config, const RunOptions& options, RunInput& input) {
  SandboxRequest& request = input.request;
  if (request.command.empty()) request.command = config.command;
  add_defaults(config.environment, request.environment);
  if (request.working_directory.empty()) request.working_directory = config.working_directory;
  if (!options.user.empty()) return {};
  if (config.user.empty()) return {};
  YETT_TRY(const UniqueFd root, open_image(request));
  YETT_TRY(const std::string user, find_image_user(config.user, root.borrow()));
  return take_user(user, request.user);
}

Status take_ids(const RunOptions& options, SandboxRequest& request) {
  if (options.ids == "one") return {};
  if (options.ids != "range" && options.ids != "auto")
    return fail(request_error("--ids " + options.ids, "wanted one, range or auto"));
  request.ids = options.ids == "range" ? Ids::range : Ids::automatic;
  if (options.user.empty()) request.user = {.uid = 0, .gid = 0};
  return {};
}

bool all_terminals() { return ::isatty(0) == 1 && ::isatty(1) == 1 && ::isatty(2) == 1; }

// A name is used in paths and logs: letters, digits, "._-", not first a dot or a dash.
Status take_name(const std::string& name, SandboxRequest& request) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  bool good = name.size() <= 64 && (name.empty() || plain(name[0]));
  for (const char c : name) good = good && (plain(c) || c == '.' || c == '_' || c == '-');
  if (!good)
    return fail(request_error(
        "--name " + escape_for_terminal(name),
        "wanted at most 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"));
  request.name = name;
  return {};
}

Status take_process(const RunOptions& options, SandboxRequest& request) {
  request.command = options.command;
  for (const std::string& path : options.environment_files)
    YETT_CHECK(add_environment_file(path, request.environment));
  for (const std::string& text : options.environment)
    YETT_CHECK(add_variable(text, "-e", request.environment));
  YETT_CHECK(take_user(options.user, request.user));
  YETT_CHECK(take_ids(options, request));
  YETT_CHECK(take_name(options.name, request));
  request.addressed = !options.name.empty();
  if (options.terminal || all_terminals()) request.terminal = TerminalMode::pty;
  return {};
}

// ---- policy -------------------------------------------------------------------------------------

// Digits with at most one point among them: no sign, space, exponent, hexadecimal or infinity.
std::optional<double> parse_cpus(const std::string& text) {
  const std::size_t point = text.find('.');
  const bool whole = parse_decimal(text.substr(0, point)).has_value();
  const std::string fraction = point == std::string::npos ? "0" : text.substr(point + 1);
  const bool digits = !fraction.empty() && fraction.size() <= 9 &&
                      fraction.find_first_not_of("0123456789") == std::string::npos;
  if (!whole || !digits) return std::nullopt;
  return std::strtod(text.c_str(), nullptr);
}

Status take_limits(const RunOptions& options, LimitPolicy& limits) {
  if (!options.memory.empty()) {
    limits.memory_bytes = parse_size(options.memory);
    limits.sources["memory"] = flag("--memory");
    if (!limits.memory_bytes || *limits.memory_bytes < (1ULL << 20))
      return fail(request_error("--memory " + options.memory, "wanted at least 1M, as 64M or 1G"));
  }
  if (!options.pids.empty()) {
    limits.pids = parse_decimal(options.pids, 4194304);
    limits.sources["pids"] = flag("--pids");
    if (!limits.pids || *limits.pids == 0)
      return fail(request_error("--pids " + options.pids, "wanted a count from 1 to 4194304"));
  }
  if (!options.cpus.empty()) {
    limits.cpus = parse_cpus(options.cpus);
    limits.sources["cpu"] = flag("--cpus");
    if (!limits.cpus || *limits.cpus < 0.01 || *limits.cpus > 4096)
      return fail(request_error("--cpus " + options.cpus,
                                "wanted a number of CPUs from 0.01, as 0.5 or 2"));
  }
  if (!options.time.empty()) {
    limits.wall = parse_duration(options.time);
    limits.sources["wall"] = flag("--time");
    if (!limits.wall || limits.wall->count() == 0)
      return fail(
          request_error("--time " + options.time, "wanted a duration, as 500ms, 30s, 2m or 1h"));
  }
  return {};
}

Status take_truth(const std::string& text, TruthPolicy& truth) {
  if (text.empty()) return {};
  if (text == "limits")
    truth.resources = ResourceTruth::limits;
  else if (text == "lxcfs")
    truth.resources = ResourceTruth::lxcfs;
  else if (text == "host")
    truth.resources = ResourceTruth::host;
  else
    return fail(request_error("--truth " + text, "wanted limits, lxcfs or host"));
  return {};
}

Status take_network(const std::string& text, NetworkPolicy& network) {
  if (text.empty()) return {};
  if (text == "none")
    network.mode = NetworkMode::none;
  else if (text == "host")
    network.mode = NetworkMode::host;
  else
    return fail(request_error("--net " + text, "wanted none or host"));
  return {};
}

// Docker's form too, [ADDRESS:]PORT:PORT, where both ports are the same: what the program listens
// at is the host's port itself, with no translation in between.
Status take_published(const std::vector<std::string>& published, NetworkPolicy& network) {
  for (const std::string& text : published) {
    std::string where = text;
    const std::string port = where.substr(where.rfind(':') + 1);
    where.resize(where.size() - std::min(where.size(), port.size() + 1));
    const std::string before = where.substr(where.rfind(':') + 1);
    const bool is_port = !before.empty() && parse_decimal(before).has_value();
    if (is_port && before != port)
      return fail(request_error("--publish " + text, "ports are not translated",
                                "have the program listen at " + before + ", and write " + before));
    if (is_port) where.resize(where.size() - std::min(where.size(), before.size() + 1));
    // An empty variable before the colon must not mean every address, nor "*" every port.
    if (where.empty() && text.starts_with(':'))
      return fail(request_error("--publish " + text, "the address is empty",
                                "write the port alone for every address"));
    if (port == "*")
      return fail(request_error("--publish " + text, "wanted [ADDRESS:]PORT", "as 8080"));
    const bool is_ipv6 = where.find(':') != std::string::npos && !where.starts_with('[');
    if (is_ipv6) where = "[" + where + "]";
    auto rule = parse_endpoint("tcp://" + (where.empty() ? "*" : where) + ":" + port);
    if (!rule) return fail(request_error("--publish " + text, "wanted [ADDRESS:]PORT", "as 8080"));
    rule->source = flag("--publish");
    network.listen.add(std::move(*rule));
  }
  return {};
}

Status take_mode(const std::string& text, SandboxRequest& request) {
  if (text == "auto")
    request.mode = Mode::automatic;
  else if (text == "full")
    request.mode = Mode::full;
  else if (text == "rootless")
    request.mode = Mode::rootless;
  else if (text == "fallback")
    request.mode = Mode::fallback;
  else
    return fail(request_error("--mode " + text, "wanted auto, full, rootless or fallback"));
  return {};
}

Status take_policy_flags(const RunOptions& options, Policy& policy) {
  YETT_CHECK(take_network(options.network, policy.network));
  YETT_CHECK(take_published(options.publish, policy.network));
  YETT_CHECK(take_limits(options, policy.limits));
  return take_truth(options.truth, policy.truth);
}

// Last: only what will be run is unpacked.
Result<RunInput> with_image_in_place(const RunOptions& options, RunInput input) {
  YETT_TRY(UniqueFd unpacked,
           unpack_where_mounts_are_refused(input.request,
                                           options.dry_run ? Unpacking::not_yet : Unpacking::now));
  if (unpacked.valid()) input.in_use.push_back(std::move(unpacked));
  return input;
}

}  // namespace

Result<Policy> load_policy(const std::string& name) {
  if (name.find('/') == std::string::npos && !name.ends_with(".toml"))
    return make_builtin_policy(name);
  YETT_TRY(const std::string text, read_input_file(name, kMaxPolicyFile));
  YETT_TRY(Policy policy, parse_policy(text, name));
  YETT_TRY(policy.file, real_path(name, "--policy"));
  return policy;
}

Result<Policy> read_other_policy(const RunOptions& options, const RunInput& input,
                                 const std::string& name, const std::string& text) {
  const bool is_file = name.starts_with('/');
  YETT_TRY(Policy policy, is_file ? parse_policy(text, name) : make_builtin_policy(name));
  if (is_file) policy.file = name;
  YETT_CHECK(take_policy_flags(options, policy));
  if (input.package_policy) policy = intersect_policy(policy, *input.package_policy);
  return policy;
}

Result<RunInput> make_run_input(const RunOptions& options) {
  if (!options.made_of.empty())
    return fail(
        request_error("--template " + options.made_of, "templates are yettd's",
                      "write yett -H SOCKET run --template " + options.made_of + " -- ..."));
  RunInput input;
  input.request.host_working_directory = current_directory();
  input.request.require = options.require;
  input.request.trace = options.trace;
  YETT_CHECK(take_mode(options.mode, input.request));
  YETT_TRY(input.policy, load_policy(options.policy));
  YETT_CHECK(take_policy_flags(options, input.policy));
  YETT_CHECK(take_image(options, input));
  YETT_CHECK(take_process(options, input.request));
  YETT_CHECK(take_files(options, input));
  if (input.image_config) YETT_CHECK(take_image_config(*input.image_config, options, input));
  YETT_CHECK(take_manifest(input));
  if (!input.request.command.empty()) return with_image_in_place(options, std::move(input));
  if (input.request.image_kind == ImageKind::host)
    return fail(request_error("run", "no command given", "yett run -- COMMAND"));
  return fail(request_error(options.image, "it names no command of its own",
                            "yett run " + options.image + " -- COMMAND"));
}

}  // namespace yett
