#include "runsc-like/cli/pooled_run.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runsc-like/cli/run_options.hpp"
#include "sandbox/package/manifest.hpp"
#include "sandbox/policy/policy.hpp"

namespace yett {
namespace {

// SECURITY(pool-run): what lies at the paths that the options name, as text: a sandbox that has
// waited has what lay there then. A path that is not absolute means another file to who asks.
class Files {
 public:
  // Of which a program sees what is in it at any time.
  void add_place(const std::string& path) { add(path, false); }
  // Of which a sandbox has what was in it when it was made.
  void add_content(const std::string& path) { add(path, true); }
  void refuse() { good_ = false; }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  void add(const std::string& path, bool with_content) {
    struct stat status{};
    if (!path.starts_with('/') ||
        (::stat(path.c_str(), &status) != 0 && errno != ENOENT && errno != ENOTDIR))
      return refuse();
    for (const auto number :
         {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)})
      text_ += std::to_string(number) + ":";
    const bool is_there = status.st_mode != 0;
    if (with_content && is_there && !S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
      return refuse();
    if (with_content && S_ISREG(status.st_mode))
      for (const auto number : {status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                                status.st_ctim.tv_sec, status.st_ctim.tv_nsec})
        text_ += std::to_string(number) + ":";
    text_.append(path).push_back('\0');
  }
  std::string text_;
  bool good_ = true;
};

void add_policy(const std::string& name, Files& files) {
  if (name.find('/') != std::string::npos || name.ends_with(".toml")) files.add_content(name);
  if (!files.good()) return;
  const auto policy = load_policy(name);
  if (!policy) return files.refuse();
  for (const auto* rules : {&policy->files.read, &policy->files.write, &policy->files.exec,
                            &policy->files.deny, &policy->files.ask})
    for (const PathRule& rule : *rules) files.add_place(rule.path);
  for (const EndpointRule& rule : policy->network.connect)
    if (rule.scheme == EndpointScheme::unix_path) files.add_place(rule.path);
}

// Names of images and volumes may mean others by the time, and are looked up where one is.
void add_image(const std::string& image, Files& files) {
  if (image.empty() || image == "host") return;
  files.add_content(image);
  files.add_content(image + "/" + std::string(kManifestName));  // of a directory
}

void add_volumes(const std::vector<std::string>& volumes, Files& files) {
  for (const std::string& volume : volumes) files.add_place(volume.substr(0, volume.find(':')));
}

// Which files it is that the options name. Nothing: that cannot be said, or a sandbox would change
// what the next one finds.
std::optional<std::string> describe_files(const RunOptions& options) {
  if (!options.overlay.empty() || !options.overlay_dirs.empty() || !options.here.empty() ||
      !options.environment_files.empty() || !options.image_root.empty())
    return std::nullopt;
  Files files;
  add_image(options.image, files);
  add_policy(options.policy, files);
  add_volumes(options.volumes, files);
  for (const std::string& path : {options.data_dir, options.audit_file})
    if (!path.empty()) files.add_place(path);
  if (!files.good()) return std::nullopt;
  return std::move(files).text();
}

// As -e takes it: with its value, or the caller's, and left out where there is none.
std::vector<std::string> with_values(const std::vector<std::string>& given,
                                     const std::vector<std::string>& environment) {
  std::vector<std::string> values;
  for (const std::string& each : given) {
    if (each.find('=') != std::string::npos) {
      values.push_back(each);
      continue;
    }
    const auto found = std::ranges::find_if(
        environment, [&](const std::string& entry) { return entry.starts_with(each + "="); });
    if (found != environment.end()) values.push_back(*found);
  }
  return values;
}

}  // namespace

std::optional<WantedRun> read_pooled_run(const std::vector<std::string>& words,
                                         const std::vector<std::string>& environment) {
  if (words.empty() || words.front() != "run") return std::nullopt;
  auto options = read_run_options({words.begin() + 1, words.end()});
  if (!options || options->command.empty()) return std::nullopt;
  WantedRun run{.sandbox = {},
                .environment = with_values(options->environment, environment),
                .arguments = std::exchange(options->command, {}),
                .report_file = std::exchange(options->report_file, {})};
  options->environment.clear();
  options->interactive = false;
  if (check_prepared(*options)) return std::nullopt;
  const auto files = describe_files(*options);
  if (!files) return std::nullopt;
  run.sandbox = describe_options(*std::move(options)) + *files;
  return run;
}

}  // namespace yett
