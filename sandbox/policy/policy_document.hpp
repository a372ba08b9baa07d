// A policy file as keys and values, not as rules: what changes are applied to, and written out
// again.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "sandbox/policy/policy_change.hpp"

namespace yett {

// A policy file's content without comments, places and order of keys.
struct PolicyDocument {
  using List = std::vector<std::string>;
  using Table = std::map<std::string, std::string>;      // values: TOML
  using Value = std::variant<std::string, List, Table>;  // the string: TOML of a single value
  std::map<std::string, std::string> top;                // "extends": "\"plugin\""
  std::map<std::string, std::map<std::string, Value>> sections;
};

// Of the text of a policy that parse_policy takes. Error: its syntax.
[[nodiscard]] Result<PolicyDocument> read_policy_document(std::string_view text,
                                                          std::string_view file_name);
// Of a built-in policy: a file that changes nothing of it.
[[nodiscard]] PolicyDocument extend_builtin(std::string_view name);
// Adding what is there and removing what is not change nothing.
void apply_change(PolicyDocument& document, const PolicyChange& change);
// As TOML.
[[nodiscard]] std::string document_text(const PolicyDocument& document);

}  // namespace yett
