#include "supervisor/daemon/daemon_config.hpp"

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "sandbox/policy/toml_reader.hpp"

namespace yett {
namespace {

constexpr std::array<std::string_view, 7> kTopKeys{"socket",        "metrics", "log",     "users",
                                                   "adoption_time", "limits",  "template"};
constexpr std::array<std::string_view, 2> kLimitKeys{"sandboxes", "per_user"};
constexpr std::array<std::string_view, 5> kTemplateKeys{"options", "users", "pool", "warm_fork",
                                                        "command"};
constexpr std::array<std::string_view, 2> kLogFormats{"text", "json"};
constexpr std::string_view kRootsDirectory = "/run/yett/";
constexpr std::size_t kLongestPath = 107;
constexpr std::size_t kLongestName = 32;
constexpr std::size_t kMostSandboxes = 10'000;
constexpr std::size_t kLargestPool = 256;
constexpr std::size_t kLongestAdoption = 86'400;
constexpr std::int64_t kLastUser = 4'294'967'294;

class ConfigReader {
 public:
  ConfigReader(TomlReader& reader, const CheckOptions& check) : reader_(reader), check_(check) {}

  void read(const toml::table& top, DaemonConfig& config) {
    reader_.check_keys(top, "", kTopKeys);
    path(top, "socket", config.socket);
    path(top, "metrics", config.metrics);
    if (const auto chosen = reader_.choice(top, "log", kLogFormats))
      config.log = *chosen == 0 ? LogFormat::text : LogFormat::json;
    users(top, config.users);
    check_reach(top, config);
    std::size_t seconds = static_cast<std::size_t>(config.adoption_time.count());
    count(top, "adoption_time", 0, kLongestAdoption, seconds);
    config.adoption_time = std::chrono::seconds(seconds);
    if (const auto* limits = reader_.table(top, "limits")) {
      reader_.check_keys(*limits, "[limits]", kLimitKeys);
      count(*limits, "sandboxes", 1, kMostSandboxes, config.most_sandboxes);
      count(*limits, "per_user", 1, kMostSandboxes, config.most_per_user);
    }
    if (const auto* templates = reader_.table(top, "template")) read_templates(*templates, config);
  }

 private:
  void path(const toml::table& table, std::string_view key, std::string& into) {
    const auto given = reader_.text(table, key);
    if (!given) return;
    if (!given->text.starts_with('/') || given->text.size() > kLongestPath)
      return reader_.note(given->source,
                          fmt::format("'{}' must be the path of a socket (write an absolute path "
                                      "of at most {} characters)",
                                      key, kLongestPath));
    into = given->text;
  }

  // Where only root comes, a user's permission would be worth nothing.
  void check_reach(const toml::table& top, const DaemonConfig& config) {
    if (config.users.empty() || !config.socket.starts_with(kRootsDirectory)) return;
    reader_.note(reader_.location_of(*top.get("users")),
                 fmt::format("'users' cannot reach {}, whose directory is root's alone (write "
                             "socket = \"/run/yettd.sock\")",
                             config.socket));
  }

  void count(const toml::table& table, std::string_view key, std::size_t least, std::size_t most,
             std::size_t& into) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto value = node->is_integer() ? node->value<std::int64_t>() : std::nullopt;
    if (value && *value >= static_cast<std::int64_t>(least) &&
        *value <= static_cast<std::int64_t>(most)) {
      into = static_cast<std::size_t>(*value);
      return;
    }
    reader_.note(reader_.location_of(*node),
                 fmt::format("'{}' must be a whole number from {} to {}", key, least, most));
  }

  void users(const toml::table& table, std::vector<uid_t>& into) {
    const toml::node* node = table.get("users");
    if (node == nullptr) return;
    if (!node->is_array())
      return reader_.note(reader_.location_of(*node), "'users' must be a list: [1000, 1001]");
    for (const toml::node& each : *node->as_array()) {
      const auto uid = each.is_integer() ? each.value<std::int64_t>() : std::nullopt;
      if (uid && *uid >= 0 && *uid <= kLastUser)
        into.push_back(static_cast<uid_t>(*uid));
      else
        reader_.note(reader_.location_of(each),
                     "'users' holds numbers of users only (`id -u NAME` tells one)");
    }
  }

  void read_templates(const toml::table& templates, DaemonConfig& config) {
    for (const auto& [key, node] : templates) {
      const std::string name(key.str());
      const bool is_name =
          !name.empty() && name.size() <= kLongestName &&
          name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos;
      if (!is_name)
        reader_.note(reader_.location_of(key.source()),
                     fmt::format("'{}' is no name of a template (1 to {} of a-z, 0-9, -, _ and .)",
                                 escape_for_terminal(name), kLongestName));
      else if (const auto* table = reader_.table(templates, name))
        read_template(name, *table, config.templates[name]);
    }
  }

  void read_template(const std::string& name, const toml::table& table, SandboxTemplate& into) {
    reader_.check_keys(table, fmt::format("[template.{}]", name), kTemplateKeys);
    for (const TomlText& option : reader_.texts(table, "options"))
      into.options.emplace_back(option.text);
    users(table, into.users);
    count(table, "pool", 0, kLargestPool, into.pool);
    into.warm_fork = reader_.boolean(table, "warm_fork").value_or(false);
    for (const TomlText& word : reader_.texts(table, "command"))
      into.command.emplace_back(word.text);
    const toml::node* command = table.get("command");
    if (into.warm_fork == into.command.empty())
      reader_.note(reader_.location_of(command != nullptr ? *command : table),
                   "'warm_fork = true' and 'command = [\"PROGRAM\", ...]' go together");
    const auto problem = check_ ? check_(into.options) : std::nullopt;
    if (!problem) return;
    const toml::node* options = table.get("options");
    reader_.note(reader_.location_of(options != nullptr ? *options : table), *problem);
  }

  TomlReader& reader_;
  const CheckOptions& check_;
};

}  // namespace

Result<DaemonConfig> parse_daemon_config(std::string_view text, std::string_view file_name,
                                         const CheckOptions& check) {
  TomlReader reader(file_name);
  const auto top = reader.parse(text);
  if (!top) return fail(reader.error());
  DaemonConfig config;
  ConfigReader(reader, check).read(*top, config);
  if (reader.failed()) return fail(reader.error());
  return config;
}

}  // namespace yett
