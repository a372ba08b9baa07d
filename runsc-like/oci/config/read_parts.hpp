// The readers of config.json's sections, one file each; read_config.hpp is what others call.
#pragma once

#include "runsc-like/oci/config/config.hpp"
#include "runsc-like/oci/config/field.hpp"

namespace yett::oci {

void read(const Field& field, Process& process);
void read(const Field& field, Resources& resources);
void read(const Field& field, Linux& linux_section);
void read(const Field& field, IdMapping& mapping);
void read_seccomp(const Field& field, SeccompSection& section);

// Bounds of one list of mappings, and that no two of them overlap.
void check_mappings(const Field& field, const std::vector<IdMapping>& mappings);
// A list of CPUs or nodes, "0-3,7"; empty is one.
void check_number_list(const Field& field, const std::string& list);
// What reads right alone and not together: hostname without uts namespace, and the like.
void check_together(const Field& root, const Config& config);

}  // namespace yett::oci
