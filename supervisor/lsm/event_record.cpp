#include "supervisor/lsm/event_record.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "ioctl_uapi/lsm_policy.h"
#include "sandbox/policy/policy_change.hpp"

namespace yett {
namespace {

constexpr std::array<const char*, YETT_HOOK_COUNT> kHookNames{
    "unknown",  "file_open", "create",       "unlink",        "rename",    "link",
    "truncate", "chmod",     "file_receive", "exec",          "mmap_exec", "mprotect_exec",
    "socket",   "connect",   "bind",         "listen",        "sendmsg",   "ptrace",
    "kill",     "mount",     "chroot",       "userns_create", "bpf",       "perf_event",
    "io_uring", "key",       "module",       "syslog",        "settime",   "quotactl",
    "terminal", "device",    "packet",       "receive"};

bool is_file_change(std::uint16_t hook) {
  return hook >= YETT_HOOK_FILE_OPEN && hook <= YETT_HOOK_CHANGE_OWNER_OR_MODE;
}

bool is_incoming(const yett_event& event) {
  return event.hook == YETT_HOOK_BIND || event.hook == YETT_HOOK_LISTEN ||
         (event.hook == YETT_HOOK_RECEIVE && event.detail == YETT_LISTEN);
}

std::string address_text(const yett_event& event) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool ipv6 = event.family == AF_INET6;
  ::inet_ntop(ipv6 ? AF_INET6 : AF_INET, ipv6 ? event.address : event.address + 12, text.data(),
              text.size());
  return ipv6 ? fmt::format("[{}]", text.data()) : text.data();
}

std::string endpoint_text(const yett_event& event) {
  const char* scheme = event.protocol == 6 ? "tcp" : event.protocol == 17 ? "udp" : "other";
  return fmt::format("{}://{}:{}", scheme, address_text(event), event.port);
}

bool is_about_endpoint(const yett_event& event) {
  return event.family != 0 && event.hook != YETT_HOOK_SOCKET;
}

std::string object_text(const yett_event& event) {
  if (event.reason == YETT_REASON_PACKET_OPTIONS) return "IP options or an extension header";
  if (is_about_endpoint(event)) return endpoint_text(event);
  if (event.hook == YETT_HOOK_SOCKET) return fmt::format("family {}", event.detail);
  if (event.hook == YETT_HOOK_SIGNAL) return fmt::format("signal {}", event.detail);
  if (event.hook == YETT_HOOK_DEVICE)
    return fmt::format("device {}:{}", event.detail >> 20, event.detail & 0xfffff);
  return {event.object, ::strnlen(event.object, sizeof event.object)};
}

const char* rule_text(const yett_event& event) {
  switch (event.reason) {
    case YETT_REASON_NO_POLICY:
      return "kernel.no-policy-entry";
    case YETT_REASON_NOT_BELOW:
      return is_file_change(event.hook) ? "files.write" : "files.exec";
    case YETT_REASON_TOO_DEEP:
      return "files.depth";
    case YETT_REASON_WRITTEN:
      return "exec.written_files";
    case YETT_REASON_MEMORY_FILE:
      return "exec.memfd";
    case YETT_REASON_NO_ENDPOINT:
      return is_incoming(event) ? "network.listen" : "network.connect";
    case YETT_REASON_OUTSIDE:
      return "kernel.outside";
    case YETT_REASON_OUT_OF_MEMORY:
      return "kernel.memory";
    case YETT_REASON_PACKET_OPTIONS:
      return "network.packet_options";
    case YETT_REASON_SET_ID:
      return "files.set_ids";
    default:
      return is_about_endpoint(event) ? "network.mode" : "kernel.refused";
  }
}

std::string mend_text(const yett_event& event, const std::string& object) {
  switch (event.reason) {
    case YETT_REASON_NOT_BELOW:
      return changes_text({add_to("files", is_file_change(event.hook) ? "write" : "exec", object)});
    case YETT_REASON_WRITTEN:
      return changes_text({set_value("exec", "written_files", "true")});
    case YETT_REASON_MEMORY_FILE:
      return changes_text({set_value("exec", "memfd", "true")});
    case YETT_REASON_SET_ID:
      return changes_text({set_value("files", "set_ids", "true")});
    case YETT_REASON_NO_ENDPOINT:
      if (event.protocol == 0) return {};
      return changes_text({add_to("network", is_incoming(event) ? "listen" : "connect", object)});
    default:
      return {};
  }
}

}  // namespace

const char* lsm_hook_name(std::uint16_t hook) {
  return hook < kHookNames.size() ? kHookNames[hook] : kHookNames[0];
}

AuditRecord make_event_record(const yett_event& event, const std::string& sandbox,
                              const char* plane, std::int64_t realtime_offset_ns) {
  AuditRecord record;
  record.time_ns = static_cast<std::int64_t>(event.time_ns) + realtime_offset_ns;
  record.sandbox = sandbox;
  record.pid = static_cast<std::int32_t>(event.pid);
  record.comm.assign(event.comm, ::strnlen(event.comm, sizeof event.comm));
  record.plane = plane;
  record.call = lsm_hook_name(event.hook);
  record.object = object_text(event);
  record.rule = rule_text(event);
  record.verdict = VerdictKind::deny;
  record.error = -event.error;
  record.mend = mend_text(event, record.object);
  if (is_about_endpoint(event)) record.resolved = "an address of the host's network namespace";
  return record;
}

}  // namespace yett
