// `events`: what a container uses and when it is out of memory, in runc's JSON.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "runsc-like/oci/life/statistics.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett::oci {

// One line: {"type":"stats","id":...,"data":...}.
[[nodiscard]] std::string statistics_event(const std::string& id, const ContainerStatistics& used);

using TellEvent = std::function<void(const std::string& line)>;

// Error: the container does not run.
[[nodiscard]] Result<std::string> statistics_of(const ContainerStore& store, const std::string& id);
// Tells the statistics every `interval` and each out-of-memory, until the container ends.
[[nodiscard]] Status watch_events(const ContainerStore& store, const std::string& id,
                                  std::chrono::milliseconds interval, const TellEvent& tell);

}  // namespace yett::oci
