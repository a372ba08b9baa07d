// `yett exec` into a sandbox of `yett run`: asks its supervisor, and stands in for the program
// until its end.
#pragma once

#include "base/result.hpp"
#include "ioctl_uapi/exec_protocol.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett {

enum class ExecStay { until_started, until_ended };

struct ExecOutcome {
  int exit_status = 0;
  std::string failure;  // why it could not be executed; empty: it was
};

// Stdio is the caller's own. Errors: the sandbox does not run, or its supervisor does not answer.
[[nodiscard]] Result<ExecOutcome> exec_in_sandbox(const oci::ContainerStore& store,
                                                  const std::string& id, const ExecRequest& request,
                                                  ExecStay stay);

}  // namespace yett
