// One connection of yettd's: the commands of yett/uapi.h that it answers, and what it has made.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "supervisor/control/frame_connection.hpp"
#include "supervisor/daemon/cgroup_figures.hpp"
#include "supervisor/daemon/closer.hpp"
#include "supervisor/daemon/program_starter.hpp"

namespace yett {

// The peer's rights, as it had them when it connected.
[[nodiscard]] Result<Rights> read_rights(BorrowedFd connection);

class DaemonClient {
 public:
  static constexpr std::size_t kMostRecipes = 256;
  // Events that wait for a client to read; what comes then is counted.
  static constexpr std::size_t kMostWaiting = 1024;

  DaemonClient(std::uint64_t number, UniqueFd socket, Rights rights, ProgramStarter& programs,
               Roster& roster, Metrics& metrics, const Closer& closer)
      : number_(number),
        frames_(std::move(socket)),
        rights_(std::move(rights)),
        programs_(programs),
        roster_(roster),
        metrics_(metrics),
        closer_(closer) {}

  [[nodiscard]] FrameConnection& frames() { return frames_; }
  [[nodiscard]] uid_t uid() const { return rights_.uid; }
  void answer(ControlFrame& frame, std::vector<UniqueFd> passed);
  void tell_end(std::uint32_t sequence, int program, int status);
  void tell_event(int program, const yett_event_data& event);

 private:
  [[nodiscard]] int carry_out(ControlFrame& frame, std::vector<UniqueFd>& passed);
  [[nodiscard]] int info(CallMemory& memory, std::uint64_t address) const;
  [[nodiscard]] int create(CallMemory& memory, std::uint64_t address);
  [[nodiscard]] int remove(int number);
  [[nodiscard]] int spawn(CallMemory& memory, const yett_frame& head,
                          std::vector<UniqueFd>& passed);
  [[nodiscard]] int enter(const yett_frame& head, std::vector<UniqueFd>& passed);
  [[nodiscard]] int run(CallMemory& memory, const yett_frame& head, std::vector<UniqueFd>& passed);
  [[nodiscard]] int signal(CallMemory& memory, std::uint64_t address) const;
  [[nodiscard]] int program(CallMemory& memory, std::uint64_t address);
  [[nodiscard]] int list(CallMemory& memory, std::uint64_t address) const;
  [[nodiscard]] int programs(CallMemory& memory, std::uint64_t address);
  [[nodiscard]] int question(CallMemory& memory, std::uint64_t address) const;
  [[nodiscard]] int answer_question(CallMemory& memory, std::uint64_t address,
                                    std::span<const UniqueFd> passed) const;
  [[nodiscard]] ProgramCaller caller(const yett_frame& head) const;

  std::uint64_t number_;
  FrameConnection frames_;
  Rights rights_;
  ProgramStarter& programs_;
  Roster& roster_;
  Metrics& metrics_;
  const Closer& closer_;
  CgroupFiles figures_;
  int last_recipe_ = 0;
  std::map<int, Recipe> recipes_;
  std::multimap<int, int> begun_;  // recipe -> program
  bool wants_events_ = false;
  std::uint64_t lost_events_ = 0;
};

}  // namespace yett
