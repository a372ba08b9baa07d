#include "runsc-like/cli/policy_text.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/unique_fd.hpp"
#include "runsc-like/cli/input_file.hpp"
#include "sandbox/policy/parse_policy.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kMaxPolicyFile = 1ULL << 20;

}  // namespace

bool is_builtin_policy(std::string_view name) {
  return std::ranges::count(builtin_policy_names(), name) != 0;
}

Result<PolicyDocument> load_policy_document(const std::string& name) {
  if (is_builtin_policy(name)) return extend_builtin(name);
  YETT_TRY(const std::string text, read_input_file(name, kMaxPolicyFile));
  YETT_CHECK(parse_policy(text, name));
  return read_policy_document(text, name);
}

Status write_policy_document(const PolicyDocument& document, const std::string& path) {
  const std::string text = document_text(document);
  YETT_CHECK(parse_policy(text, path));
  const UniqueFd file(
      path == "-"
          ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
          : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644));
  if (!file.valid()) return fail(errno_error("open", path));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", path));
  return {};
}

}  // namespace yett
