#include "supervisor/meter/stand_still.hpp"

#include <array>
#include <csignal>
#include <ranges>
#include <utility>

#include "supervisor/meter/process_stat.hpp"

namespace yett {

// Who is born meanwhile is found by looking again.
StandStill::StandStill(const SandboxProcesses& processes) {
  constexpr int kTries = 4;
  for (int tries = 0; tries < kTries && stop_more(processes); ++tries) {
  }
}

StandStill::~StandStill() {
  for (const auto& [pid, process] : std::views::reverse(stopped_))
    signal_process(process.borrow(), SIGCONT);
}

bool StandStill::stop_more(const SandboxProcesses& processes) {
  bool found = false;
  for (const int pid : processes.list()) {
    if (stopped_.contains(pid)) continue;
    UniqueFd process = processes.open_process(pid);
    std::array<char, 1024> text;
    const auto stat = process.valid() ? parse_stat(read_of_process(process.borrow(), "stat", text))
                                      : std::nullopt;
    if (!stat || stat->state == 'T' || stat->state == 't' || stat->state == 'Z') continue;
    signal_process(process.borrow(), SIGSTOP);
    stopped_.emplace(pid, std::move(process));
    found = true;
  }
  return found;
}

}  // namespace yett
