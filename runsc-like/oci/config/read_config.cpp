#include "runsc-like/oci/config/read_config.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/oci/config/read_parts.hpp"

namespace yett::oci {

static void read(const Field& field, Root& root) {
  if (!is_object(field)) return;
  read(field.require("path"), root.path);
  if (field["path"].there() && root.path.empty()) field["path"].reject("is empty");
  read(field["readonly"], root.readonly);
}

static void read(const Field& field, Mount& mount) {
  if (!is_object(field)) return;
  read(field.require("destination"), mount.destination);
  if (field["destination"].there() && mount.destination.empty())
    field["destination"].reject("is empty");
  if (!mount.destination.empty() && mount.destination[0] != '/') {
    field["destination"].warn("a relative destination is deprecated: it begins at /");
    mount.destination.insert(0, 1, '/');
  }
  read(field["type"], mount.type);
  read(field["source"], mount.source);
  read(field["options"], mount.options);
  read(field["uidMappings"], mount.uid_mappings);
  read(field["gidMappings"], mount.gid_mappings);
}

static void read(const Field& field, Hook& hook) {
  if (!is_object(field)) return;
  read(field.require("path"), hook.path);
  need_absolute(field["path"], hook.path);
  read(field["args"], hook.args);
  read(field["env"], hook.env);
  for (std::size_t i = 0; i < hook.env.size(); ++i)
    if (hook.env[i].find('=') == std::string::npos)
      field["env"].at(i).reject(fmt::format("'{}' is no NAME=VALUE", hook.env[i]));
  read_number(field["timeout"], hook.timeout, 1U, static_cast<std::uint32_t>(INT32_MAX));
}

static void read(const Field& field, Hooks& hooks) {
  if (!field.there() || !is_object(field)) return;
  read(field["prestart"], hooks.prestart);
  read(field["createRuntime"], hooks.create_runtime);
  read(field["createContainer"], hooks.create_container);
  read(field["startContainer"], hooks.start_container);
  read(field["poststart"], hooks.poststart);
  read(field["poststop"], hooks.poststop);
  if (!hooks.prestart.empty())
    field["prestart"].warn("is deprecated: use createRuntime, createContainer or startContainer");
}

// SemVer 2.0: three numbers, and after "-" or "+" what the release adds ("1.0.2-dev").
static bool is_version(std::string_view text, std::uint64_t& major, std::uint64_t& minor) {
  const std::string_view core = text.substr(0, text.find_first_of("-+"));
  const std::string_view added = text.substr(core.size());
  constexpr std::string_view kAdded =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+";
  if (added.size() == 1 || added.find_first_not_of(kAdded) != std::string_view::npos) return false;
  const auto first = core.find('.');
  const auto second = first == std::string_view::npos ? first : core.find('.', first + 1);
  if (second == std::string_view::npos) return false;
  const auto numbers = {parse_decimal(core.substr(0, first)),
                        parse_decimal(core.substr(first + 1, second - first - 1)),
                        parse_decimal(core.substr(second + 1))};
  for (const auto& number : numbers)
    if (!number) return false;
  major = **numbers.begin();
  minor = **(numbers.begin() + 1);
  return true;
}

static void check_version(const Field& field, const std::string& version) {
  constexpr std::uint64_t kNewestMinor = 3;
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  if (!field.there() || field.value().kind != JsonValue::Kind::string) return;
  if (!is_version(version, major, minor))
    field.reject(fmt::format("'{}' is no version", version), "like 1.2.0");
  else if (major != 1 || minor > kNewestMinor)
    field.reject(fmt::format("{} is not supported", version), "1.0 to 1.3 are");
}

static void check_annotations(const Field& field, const Config& config) {
  if (config.annotations.contains(""))
    field[""].reject("an annotation needs a name", "leave it out");
}

static void read(const Field& field, Config& config) {
  if (!is_object(field)) return;
  read(field.require("ociVersion"), config.oci_version);
  check_version(field["ociVersion"], config.oci_version);
  if (field["process"].there()) read(field["process"], config.process.emplace());
  if (field.require("root").there()) read(field["root"], config.root);
  read(field["hostname"], config.hostname);
  read(field["domainname"], config.domainname);
  read(field["mounts"], config.mounts);
  read(field["hooks"], config.hooks);
  read(field["annotations"], config.annotations);
  check_annotations(field["annotations"], config);
  read(field["linux"], config.linux_);
}

// The document's root as a T, or every problem that it has.
template <typename T>
static Result<T> parse_as(Reading& reading, const JsonValue& root) {
  reading.root = &root;
  T value;
  read(Field(reading), value);
  YETT_CHECK(reading.finish());
  return value;
}

Result<Config> parse_config(std::string_view text, std::string_view file_name) {
  YETT_TRY(const JsonValue root, parse_json(text, file_name));
  Reading reading{.file_name = std::string(file_name)};
  YETT_TRY(Config config, parse_as<Config>(reading, root));
  // Only of parts that are right by themselves, so that no line is a consequence of another.
  check_together(Field(reading), config);
  YETT_CHECK(reading.finish());
  config.warnings = std::move(reading.warnings);
  return config;
}

Result<Process> parse_process(std::string_view text, std::string_view file_name) {
  YETT_TRY(const JsonValue root, parse_json(text, file_name));
  Reading reading{.file_name = std::string(file_name)};
  return parse_as<Process>(reading, root);
}

Result<Resources> parse_resources(std::string_view text, std::string_view file_name) {
  YETT_TRY(const JsonValue root, parse_json(text, file_name));
  Reading reading{.file_name = std::string(file_name)};
  return parse_as<Resources>(reading, root);
}

static Result<std::string> read_all(BorrowedFd fd, const std::string& path) {
  std::string text;
  // One byte more than may be, so that too much is seen.
  while (text.size() <= kMaxJsonBytes) {
    const std::size_t before = text.size();
    constexpr std::size_t kStep = 64 * 1024;
    text.resize(before + kStep);
    const ssize_t got = ::read(fd.get(), text.data() + before, kStep);
    const int error = errno;
    text.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return text;
    if (got < 0 && error != EINTR) return fail(errno_error(error, "read", path));
  }
  return fail(request_error(path, "is larger than " + format_size(kMaxJsonBytes)));
}

Result<std::string> read_config_text(const std::string& path) {
  if (path == "-") return read_all(BorrowedFd(STDIN_FILENO), "standard input");
  // O_NONBLOCK: a FIFO in a file's place would hold the open for ever.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return fail(errno_error("open", path));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(errno_error("stat", path));
  if (!S_ISREG(status.st_mode)) return fail(request_error(path, "is no regular file"));
  return read_all(file.borrow(), path);
}

Result<Config> read_bundle_config(const std::string& bundle) {
  YETT_TRY(const std::string text, read_config_text(bundle + "/config.json"));
  return parse_config(text, "config.json");
}

}  // namespace yett::oci
