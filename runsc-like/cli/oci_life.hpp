// The OCI commands beside create, start and run.
#pragma once

namespace yett {

int oci_state(int argc, char** argv);
int oci_kill(int argc, char** argv);
int oci_delete(int argc, char** argv);
int oci_pause(int argc, char** argv);
int oci_resume(int argc, char** argv);
int oci_update(int argc, char** argv);
int oci_events(int argc, char** argv);
int oci_features(int argc, char** argv);
int oci_checkpoint(int argc, char** argv);
int oci_restore(int argc, char** argv);
int oci_list(int argc, char** argv);
int oci_ps(int argc, char** argv);
int oci_exec(int argc, char** argv);

}  // namespace yett
