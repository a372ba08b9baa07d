#include "runsc-like/oci/life/plan_container.hpp"

namespace yett::oci {

Status plan_filters(const Config&, ContainerPlan&) { return {}; }

}  // namespace yett::oci
