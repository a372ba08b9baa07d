// Changes to a policy as people and machines pass them on: the mends of audit records, what
// `yett explain` proposes and `yett policy record` gathers. A value; applied to a
// PolicyDocument, so that what results is what a person could have written.
//
//   [files] read += ["/srv/models"]; [files] deny -= ["/usr/bin/ssh"]
//   [network] mode = "host"
//   [files] tmpfs."/tmp" = "128M"
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace yett {

enum class ChangeKind { add, remove, set };

struct PolicyChange {
  ChangeKind kind = ChangeKind::add;
  std::string section;  // "files"
  std::string key;      // "read"; of a table: "tmpfs" with `entry`
  std::string entry;    // "/tmp" of tmpfs; else empty
  std::string value;    // what is added or removed; for `set` TOML, quotes included
  bool operator==(const PolicyChange&) const = default;
};

// As a string of TOML, quotes included.
[[nodiscard]] std::string toml_string(std::string_view text);

[[nodiscard]] PolicyChange add_to(std::string section, std::string key, std::string value);
[[nodiscard]] PolicyChange remove_from(std::string section, std::string key, std::string value);
// `value` is TOML: "\"host\"", "true", "64".
[[nodiscard]] PolicyChange set_value(std::string section, std::string key, std::string value);

// One line, as above; parse_changes reads it back. Empty for none.
[[nodiscard]] std::string changes_text(const std::vector<PolicyChange>& changes);
// Also "[syscalls] allow = [...]" and "files.read += [...]". Error: what cannot be read.
[[nodiscard]] Result<std::vector<PolicyChange>> parse_changes(std::string_view text);

}  // namespace yett
