// What yettd is told by its configuration file: TOML, read as strictly as a policy. Pure.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace yett {

enum class LogFormat { text, json };

// [template.NAME]: a sandbox that may be asked for by its name.
struct SandboxTemplate {
  std::vector<std::string> options;  // of `yett run`, without a command
  std::vector<uid_t> users;          // besides root
  std::size_t pool = 0;              // so many are kept ready
  bool warm_fork = false;            // they are forks of one that runs `command`
  std::vector<std::string> command;
  bool operator==(const SandboxTemplate&) const = default;
};

struct DaemonConfig {
  std::string socket = "/run/yett/yettd.sock";
  std::string metrics;  // a socket; empty: none
  LogFormat log = LogFormat::text;
  std::vector<uid_t> users;  // may connect, besides root
  // What runs outlives a yettd that dies for so long; 0: not at all.
  std::chrono::seconds adoption_time{60};
  std::size_t most_sandboxes = 1000;
  std::size_t most_per_user = 100;
  std::map<std::string, SandboxTemplate> templates;
};

// What is wrong with a template's options, as the command line would say it; nothing: they can be.
using CheckOptions =
    std::function<std::optional<std::string>(const std::vector<std::string>& options)>;

// Errors: every mistake, each with its file, line and column, one a line.
[[nodiscard]] Result<DaemonConfig> parse_daemon_config(std::string_view text,
                                                       std::string_view file_name,
                                                       const CheckOptions& check);

}  // namespace yett
