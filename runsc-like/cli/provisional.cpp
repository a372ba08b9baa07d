#include "sandbox/policy/parse_policy.hpp"
namespace yett {
__attribute__((weak)) Result<Policy> parse_policy(std::string_view, std::string_view) { return fail(host_error("policy", "files are not read yet")); }
__attribute__((weak)) Policy intersect_policy(const Policy& bound, const Policy&) { return bound; }
}
