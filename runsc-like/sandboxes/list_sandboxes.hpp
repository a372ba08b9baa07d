// Everything in the store as a person wants to see it: sandboxes of `yett run` and containers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runsc-like/oci/state/container_store.hpp"
#include "runsc-like/oci/state/sandbox_end.hpp"

namespace yett {

struct ListedSandbox {
  oci::ContainerState state;
  oci::ContainerStatus status = oci::ContainerStatus::stopped;
  std::optional<oci::SandboxEnd> end;
};

// One that vanishes meanwhile, or whose state cannot be read, is left out.
[[nodiscard]] std::vector<ListedSandbox> list_sandboxes(const oci::ContainerStore& store);
[[nodiscard]] Result<ListedSandbox> find_sandbox(const oci::ContainerStore& store,
                                                 const std::string& id);

// To a sandbox that runs; `connect` is one of ContainerDirectory's connect_to_..., and `unlistened`
// what is said where it has no such socket.
[[nodiscard]] Result<UniqueFd> connect_to_running(
    const oci::ContainerStore& store, const std::string& id,
    Result<UniqueFd> (oci::ContainerDirectory::*connect)() const, const Error& unlistened);

[[nodiscard]] bool is_alive(oci::ContainerStatus status);
// "running", "exited", "dead" (nobody could say how it ended), or a container's own status.
[[nodiscard]] std::string sandbox_status_name(const ListedSandbox& sandbox);
// "Up 3 minutes", "Exited (0) 2 hours ago", "Dead".
[[nodiscard]] std::string sandbox_status_text(const ListedSandbox& sandbox);

}  // namespace yett
