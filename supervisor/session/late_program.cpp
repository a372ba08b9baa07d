#include "supervisor/session/late_program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace yett {

void set_variable(std::vector<std::string>& environment, const std::string& entry) {
  const std::string name = entry.substr(0, entry.find('=') + 1);
  std::erase_if(environment, [&](const std::string& each) { return each.starts_with(name); });
  environment.push_back(entry);
}

Result<UniqueFd> take_program(const AwaitProgram& await, SandboxPlan& plan) {
  YETT_TRY(WantedProgram wanted, await());
  if (!wanted.entrance.valid()) plan.process.argv = std::move(wanted.arguments);
  for (const std::string& entry : wanted.environment)
    if (entry.find('=') != std::string::npos) set_variable(plan.process.environment, entry);
  for (int fd = 0; fd < 3; ++fd) {
    UniqueFd& given = wanted.descriptors[static_cast<std::size_t>(fd)];
    if (!given.valid()) given.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (::dup2(given.get(), fd) < 0) return fail(errno_error("dup2", "standard descriptors"));
  }
  if (wanted.directory.valid() && ::fchdir(wanted.directory.get()) != 0)
    return fail(errno_error("enter", "the working directory"));
  return std::move(wanted.entrance);
}

}  // namespace yett
