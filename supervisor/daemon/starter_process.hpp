// What the starter does: it forks supervisors for its daemon, is their parent, and outlives it.
#pragma once

#include <sys/resource.h>

#include <array>
#include <csignal>
#include <string>

#include "base/unique_fd.hpp"
#include "supervisor/daemon/starter.hpp"

namespace yett {

// What a person or a reload means for the daemon by the program's name.
inline constexpr std::array kIgnoredByStarter{SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

struct StarterInputs {
  const RunWords* run = nullptr;
  UniqueFd daemon;        // a line to it
  UniqueFd door;          // where the next daemon comes, bound
  std::string door_path;  // removed at the end
  UniqueFd roster;        // handed on as it is
};

[[noreturn]] void run_starter(StarterInputs inputs);

}  // namespace yett
