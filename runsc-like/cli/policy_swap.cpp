// `yett policy swap`: another policy for a sandbox that runs.
#include "runsc-like/cli/policy_swap.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/text.hpp"
#include "runsc-like/cli/input_file.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/policy_text.hpp"
#include "runsc-like/sandboxes/swap_client.hpp"

namespace yett {
namespace {

constexpr OciUsage kUsage{
    "policy swap",
    "ID FILE|plugin|container|rvisor",
    "Gives a sandbox that runs another policy: all of it, from one moment on, or nothing. What the "
    "kernel holds so that it cannot be changed is refused, with the rule's place; `yett policy "
    "plan` shows which rules can be swapped.",
    "yett policy swap web /etc/yett/web-closed.toml",
    {}};

struct Written {
  std::string name;
  std::string text;
};

Result<Written> read_policy(const std::string& given) {
  if (is_builtin_policy(given)) return Written{.name = given, .text = {}};
  const std::unique_ptr<char, void (*)(void*)> path(::realpath(given.c_str(), nullptr), ::free);
  if (!path) return fail(errno_error("open", given));
  YETT_TRY(std::string text, read_input_file(path.get(), kMostPolicyBytes));
  return Written{.name = path.get(), .text = std::move(text)};
}

Status swap(const std::string& id, const std::string& given) {
  YETT_TRY(const Written written, read_policy(given));
  YETT_TRY(const SwapReply reply, swap_policy(oci_store(), id, written.name, written.text));
  std::printf("%s: in force after %.1f ms; sha256 %s, before %s\n", id.c_str(),
              static_cast<double>(reply.took_us) / 1000.0, reply.new_hash.data(),
              reply.old_hash.data());
  std::string_view lines = reply.text.data();
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::printf("%s\n", escape_for_terminal(lines.substr(0, end)).c_str());
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return {};
}

}  // namespace

int run_policy_swap(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(2, 2)) return line.exit_status();
  return line.finish(swap(line.arguments().places[0], line.arguments().places[1]));
}

}  // namespace yett
