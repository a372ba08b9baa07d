#include "sandbox/container/net_devices.hpp"

#include <optional>
#include <string>

#include "ioctl_uapi/route_netlink.hpp"

namespace yett {
namespace {

// "eth%d" is the first such name that is free; any other one has to be.
Result<std::string> name_there(RouteSocket& there, const std::string& asked) {
  const std::size_t template_at = asked.find("%d");
  if (template_at == std::string::npos) {
    YETT_TRY(const std::optional<int> taken, there.find_link(asked));
    if (!taken) return asked;
    return fail(request_error("/linux/netDevices", asked + " is in the container already",
                              "another name, or one with %d"));
  }
  constexpr int kMost = 4096;
  for (int number = 0; number < kMost; ++number) {
    std::string name = asked;
    name.replace(template_at, 2, std::to_string(number));
    YETT_TRY(const std::optional<int> taken, there.find_link(name));
    if (!taken) return name;
  }
  return fail(request_error("/linux/netDevices", asked + " has no free number"));
}

Status move_one(RouteSocket& here, RouteSocket& there, const ContainerNetDevice& device,
                BorrowedFd network_namespace) {
  YETT_TRY(const std::optional<int> link, here.find_link(device.name));
  if (!link)
    return fail(request_error("/linux/netDevices/" + device.name, "there is no such device",
                              "one of the runtime's own network namespace"));
  YETT_TRY(const std::string name,
           name_there(there, device.new_name.empty() ? device.name : device.new_name));
  const auto labels = name == device.name ? LabelsOfAddresses::keep : LabelsOfAddresses::drop;
  YETT_TRY(const auto addresses, here.global_addresses(*link, labels));
  YETT_CHECK(here.move_link(*link, network_namespace, name));
  YETT_TRY(const std::optional<int> moved, there.find_link(name));
  if (!moved) return fail(errno_error(ENODEV, "move network device", name));
  for (const LinkAddress& address : addresses) YETT_CHECK(there.add_address(*moved, address));
  return there.raise_link(*moved);
}

}  // namespace

Status move_net_devices(const std::vector<ContainerNetDevice>& devices,
                        BorrowedFd network_namespace) {
  if (devices.empty()) return {};
  YETT_TRY(RouteSocket here, RouteSocket::open());
  YETT_TRY(RouteSocket there, RouteSocket::open_in(network_namespace));
  for (const ContainerNetDevice& device : devices)
    YETT_CHECK(move_one(here, there, device, network_namespace));
  return {};
}

}  // namespace yett
