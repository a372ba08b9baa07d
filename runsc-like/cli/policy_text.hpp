// Policies by the name that a command line or a record gives: a built-in's, or a file's.
#pragma once

#include <string>

#include "base/result.hpp"
#include "sandbox/policy/policy_document.hpp"

namespace yett {

[[nodiscard]] bool is_builtin_policy(std::string_view name);
// A built-in: a document that extends it.
[[nodiscard]] Result<PolicyDocument> load_policy_document(const std::string& name);
// Checks that it is a policy before anything is written. `path` "-": standard output.
[[nodiscard]] Status write_policy_document(const PolicyDocument& document, const std::string& path);

}  // namespace yett
