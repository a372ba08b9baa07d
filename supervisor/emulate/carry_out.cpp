#include "supervisor/emulate/carry_out.hpp"

#include <cerrno>

#include "supervisor/emulate/target_files.hpp"

namespace yett {

CallAnswer carry_out_emulation(const PendingNotification& pending, Emulation emulation,
                               const SandboxPlan& plan, const SysinfoEmulator& sysinfo) {
  switch (emulation) {
    case Emulation::sysinfo:
      return {sysinfo.emulate(pending)};
    case Emulation::setrlimit:
      return {emulate_setrlimit(pending)};
    case Emulation::prlimit64:
      return {emulate_prlimit64(pending)};
    case Emulation::getaffinity:
      return emulate_getaffinity(pending, plan.emulation.cpus);
    case Emulation::uname:
      return {emulate_uname(pending, plan)};
    case Emulation::setscheduler:
      return {emulate_setscheduler(pending)};
    case Emulation::setpriority:
      return {emulate_setpriority(pending)};
    case Emulation::mknod:
      return {emulate_mknod(pending, plan)};
    case Emulation::mknodat:
      return {emulate_mknodat(pending, plan)};
    case Emulation::mount:
      return {emulate_mount(pending, plan)};
    case Emulation::setxattr:
      return {emulate_setxattr(pending, plan)};
    case Emulation::attributes:
      return {emulate_attributes(pending, plan)};
    case Emulation::control:  // the control room's
    case Emulation::open:     // the pump's
    case Emulation::redirect:
    case Emulation::none:
      break;
  }
  return {EPERM};
}

}  // namespace yett
