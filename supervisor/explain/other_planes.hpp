// Why a refusal stands on its plane and on no other.
#pragma once

#include <string>
#include <vector>

#include "supervisor/explain/told_record.hpp"

namespace yett {

struct PlaneReason {
  std::string plane;
  std::string reason;
};

// The plane that refused, in words; of a record that the supervisor answered for the filter, the
// filter.
[[nodiscard]] std::string deciding_plane(const AuditRecord& record);
// The first is the deciding one's own.
[[nodiscard]] std::vector<PlaneReason> plane_reasons(const ToldRecord& told);

}  // namespace yett
