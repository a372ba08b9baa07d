// What nobody holds nobody can give: the specification wants a warning and no failure.
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

std::string drop_missing(ContainerCapabilities& asked, std::uint64_t held) {
  const std::uint64_t given = asked.permitted | asked.effective | asked.inheritable;
  const std::uint64_t missing = given & ~held;
  if (missing == 0) return {};
  for (std::uint64_t* set :
       {&asked.permitted, &asked.effective, &asked.inheritable, &asked.ambient})
    *set &= ~missing;
  return "/process/capabilities: left out, for yett itself was started without " +
         names_of(missing);
}

}  // namespace yett::oci
