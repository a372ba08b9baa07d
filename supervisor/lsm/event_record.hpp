// Kernel events as audit records. Pure but for the clock offset, which the caller gives.
#pragma once

#include <cstdint>
#include <string>

#include "ioctl_uapi/lsm_event.h"
#include "supervisor/audit/audit_record.hpp"

namespace yett {

// "file_open", "socket_connect": as audit records and doctor name the hook.
[[nodiscard]] const char* lsm_hook_name(std::uint16_t hook);

// `realtime_offset_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC.
[[nodiscard]] AuditRecord make_event_record(const yett_event& event, const std::string& sandbox,
                                            const char* plane, std::int64_t realtime_offset_ns);

}  // namespace yett
