#include "supervisor/meter/cpu_meter.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "supervisor/meter/process_stat.hpp"

namespace yett {
namespace {

using std::chrono::microseconds;

constexpr microseconds kBetweenLooks{10'000};
constexpr microseconds kShortest{1000};
constexpr double kBurst = 0.05;     // seconds of its share that may be saved up
constexpr double kMostEscaped = 1;  // seconds
constexpr double kForgiven = 0.01;  // of each second
// Of one processor, what looking takes at most.
constexpr int kRestPerLook = 9;

std::optional<ProcessStat> times_of(BorrowedFd process) {
  std::array<char, 1024> text;
  return parse_stat(read_of_process(process, "stat", text));
}

double seconds_of(std::uint64_t ticks) {
  static const auto per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return static_cast<double>(ticks) / per_second;
}

}  // namespace

void CpuBudget::account(double elapsed, double used) {
  debt_ = std::max(debt_ + used - elapsed * cpus_, -kBurst * cpus_);
}

double CpuBudget::pause() const { return debt_ > 0 ? debt_ / cpus_ : 0; }

void CpuBudget::account_standing(double elapsed, double used) {
  account(elapsed, used);
  escaped_ = std::max(escaped_ + used - elapsed * kForgiven, 0.0);
}

// SECURITY(cpu-woken)
bool CpuBudget::is_beyond_holding() const { return escaped_ > kMostEscaped; }

CpuMeter::CpuMeter(SandboxProcesses processes, double cpus)
    : processes_(std::move(processes)), budget_(cpus), last_(std::chrono::steady_clock::now()) {}

// Who is not waited for (SIGCHLD ignored) takes its time with it: a process that was not there at
// the last look and runs now is counted as if others had run in its place ever since.
// SECURITY(cpu-unwaited)
double CpuMeter::count(double elapsed) {
  std::uint64_t ticks = 0;
  int fresh = 0;
  std::map<int, Seen> now;
  std::vector<int> pids = processes_.list();
  pids.push_back(processes_.first());  // its orphans' time; where it is listed, counted once
  for (const int pid : pids) {
    if (now.contains(pid)) continue;
    const UniqueFd process = processes_.open_process(pid);
    const auto times = process.valid() ? times_of(process.borrow()) : std::nullopt;
    if (!times) continue;
    Seen seen{.ticks = times->ticks, .started = times->started};
    const auto known = seen_.find(pid);
    const bool same = known != seen_.end() && known->second.started == times->started;
    if (same) seen.stopped_by_us = known->second.stopped_by_us;
    const std::uint64_t before = same ? known->second.ticks : 0;
    ticks += times->ticks - std::min(before, times->ticks);
    if (!same && times->state == 'R') ++fresh;
    now.emplace(pid, seen);
  }
  seen_ = std::move(now);
  return std::max(seconds_of(ticks), fresh * elapsed);
}

// Parents first: one that runs could see a child stand still, or wake it. Who was born meanwhile is
// found by looking again; who stood still before stays so.
void CpuMeter::stop_all() {
  constexpr int kTries = 4;
  bool found = true;
  for (int tries = 0; found && tries < kTries; ++tries) {
    found = false;
    std::vector<int> pids = processes_.list();
    std::ranges::sort(pids);
    for (const int pid : pids) {
      if (pid == processes_.first()) continue;
      const UniqueFd process = processes_.open_process(pid);
      const auto times = process.valid() ? times_of(process.borrow()) : std::nullopt;
      if (!times || times->state == 'T' || times->state == 't' || times->state == 'Z') continue;
      signal_process(process.borrow(), SIGSTOP);
      Seen& seen = seen_[pid];
      if (seen.started != times->started) seen = {.ticks = 0, .started = times->started};
      seen.stopped_by_us = true;
      found = true;
    }
  }
}

// A number that is somebody else's by now is left alone.
void CpuMeter::continue_all() {
  for (auto& [pid, seen] : std::views::reverse(seen_)) {
    if (!seen.stopped_by_us) continue;
    seen.stopped_by_us = false;
    const UniqueFd process = processes_.open_process(pid);
    const auto times = process.valid() ? times_of(process.borrow()) : std::nullopt;
    if (times && times->started == seen.started) signal_process(process.borrow(), SIGCONT);
  }
}

CpuMeter::Look CpuMeter::look() {
  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  const double used = count(elapsed);
  // At the first look after it was stopped, what came before that is seen.
  if (standing_ > 1)
    budget_.account_standing(elapsed, used);
  else
    budget_.account(elapsed, used);
  const double pause = budget_.pause();
  if (pause > 0) stop_all();
  if (pause == 0 && standing_ > 0) continue_all();
  standing_ = pause > 0 ? standing_ + 1 : 0;
  const auto wanted = microseconds(static_cast<std::int64_t>(pause * 1e6));
  const auto took =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - now);
  const microseconds next =
      standing_ > 0 ? std::clamp(wanted, kShortest, kBetweenLooks) : kBetweenLooks;
  return {.over = budget_.is_beyond_holding(), .next = std::max(next, took * kRestPerLook)};
}

}  // namespace yett
