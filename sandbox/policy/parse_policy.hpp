// From TOML text to a Policy. Pure: reads no file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sandbox/policy/policy.hpp"

namespace yett {

// The built-in policies by name: plugin, container, rvisor, none. Error: unknown name, with the
// nearest one.
[[nodiscard]] Result<Policy> make_builtin_policy(std::string_view name);
[[nodiscard]] std::vector<std::string_view> builtin_policy_names();

// `container` for a container whose bounding set is `capabilities` (bit n for capability n): what
// images expect under Docker's default profile, and nothing that it refuses. By its name alone it
// has Docker's default capabilities. In OCI mode files, network and limits are the configuration's.
[[nodiscard]] Policy make_container_policy(std::uint64_t capabilities);

// Parses `text` (the content of `file_name`, which is used in messages only). `extends` names a
// built-in; without it, "plugin" is extended. All errors of the file, not only the first, are in
// the message, one a line: "plugin.toml:3:7: unknown key 'memmory' in [limits] (did you mean
// 'memory'?)".
[[nodiscard]] Result<Policy> parse_policy(std::string_view text, std::string_view file_name);

// What a package asks for, bounded by what the host allows: the result allows nothing that `bound`
// does not. Used for /yett.toml of a package.
[[nodiscard]] Policy intersect_policy(const Policy& bound, const Policy& asked);

// One endpoint rule, as in [network] connect and listen.
[[nodiscard]] Result<EndpointRule> parse_endpoint(std::string_view text);

// Canonical text: equal policies give equal text, whatever file they came from. Hash this.
[[nodiscard]] std::string canonical_policy(const Policy& policy);
// SHA-256 of the canonical text, in hex.
[[nodiscard]] std::string hash_policy(const Policy& policy);

}  // namespace yett
