// uname(2) with the release that the policy shows, so that a program is told neither the host's
// kernel nor its patches. Safe to answer: the text is the policy's; nothing is looked up for it.
#include <sys/utsname.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "supervisor/emulate/emulate.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"

namespace yett {
namespace {

template <std::size_t size>
void set(char (&field)[size], const std::string& text) {
  const std::size_t length = std::min(text.size(), size - 1);
  std::memcpy(field, text.data(), length);
}

}  // namespace

int emulate_uname(const PendingNotification& pending, const SandboxPlan& plan) {
  struct utsname told{};
  set(told.sysname, "Linux");
  set(told.nodename, plan.hostname);
  set(told.release, plan.emulation.release);
  set(told.version, plan.emulation.version);
  set(told.machine, plan.emulation.machine);
  set(told.domainname, "(none)");
  const auto bytes = std::as_bytes(std::span(&told, 1));
  return errno_for_target(write_target(pending, pending.data().args[0], bytes));
}

}  // namespace yett
