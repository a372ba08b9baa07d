// What nobody holds nobody can give: said by name before anything is created, where the kernel says
// "operation not permitted" at the very end.
#include "runsc-like/oci/config/names.hpp"
#include "runsc-like/oci/life/plan_container.hpp"

namespace yett::oci {
namespace {

std::string names_of(std::uint64_t capabilities) {
  std::string names;
  for (const Named& each : capability_names())
    if ((capabilities >> each.value & 1) != 0)
      names += (names.empty() ? "" : ", ") + std::string(each.name);
  return names;
}

}  // namespace

Status check_capabilities(const ContainerCapabilities& asked, std::uint64_t held) {
  const std::uint64_t given = asked.permitted | asked.effective | asked.inheritable;
  const std::uint64_t missing = given & ~held;
  if (missing == 0) return {};
  return fail(host_error("/process/capabilities",
                         "yett itself was started without " + names_of(missing),
                         "leave it out, or give it to whoever starts yett"));
}

}  // namespace yett::oci
