// Ending what runs, of both kinds: sandboxes of `yett run`, whose supervisor has to finish its
// work, and containers.
#pragma once

#include <chrono>
#include <optional>

#include "base/result.hpp"
#include "runsc-like/oci/state/container_store.hpp"
#include "runsc-like/oci/state/sandbox_end.hpp"

namespace yett {

// The signal, then SIGKILL when it still runs after `patience`; returns when it has ended. One that
// has ended already is no error.
[[nodiscard]] Status stop_sandbox(const oci::ContainerStore& store, const std::string& id,
                                  int signal_number, std::chrono::milliseconds patience);

enum class RemoveForce { no, yes };
[[nodiscard]] Status remove_sandbox(const oci::ContainerStore& store, const std::string& id,
                                    RemoveForce force);

// Waits for its end. Nothing: nobody can say how it ended (a container of a bundle, whose parent
// reaps it; a sandbox whose supervisor died).
[[nodiscard]] Result<std::optional<oci::SandboxEnd>> await_sandbox(const oci::ContainerStore& store,
                                                                   const std::string& id);

}  // namespace yett
