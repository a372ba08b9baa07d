// Entries whose supervisor died without removing them (kill -9, power of a bug).
#pragma once

#include "supervisor/lsm/lsm_programs.hpp"

namespace yett {

// Removes policies of dead owners, and roots, endpoints and rings of policies that are gone.
void sweep_dead_entries(const LsmMaps& maps);

}  // namespace yett
