// `yett create`, `start` and the OCI form of `run`.
#pragma once

namespace yett {

int oci_create(int argc, char** argv);
int oci_start(int argc, char** argv);
int oci_run(int argc, char** argv);
// Is this `run` runc's? docs/decisions/0018-two-runs.md.
[[nodiscard]] bool is_oci_run(int argc, char** argv);

}  // namespace yett
