#include "runsc-like/cli/daemon_programs.hpp"

#include <array>
#include <cstring>

#include "base/text.hpp"

namespace yett {

Result<std::vector<yett_program_info>> read_programs(DaemonLink& link) {
  std::vector<yett_program_info> programs;
  for (;;) {
    yett_programs wanted{};
    wanted.size = sizeof wanted;
    wanted.after = programs.empty() ? 0 : programs.back().program;
    wanted.programs = sizeof wanted;
    wanted.room = YETT_PROGRAMS_MAX;
    wanted.each_size = sizeof(yett_program_info);
    std::vector<std::byte> memory = memory_of(wanted);
    memory.resize(sizeof wanted + YETT_PROGRAMS_MAX * sizeof(yett_program_info));
    YETT_TRY(const int answer, link.call(YETT_PROGRAMS, 0, memory));
    if (answer < 0) return fail(errno_error(-answer, "ask", "yettd"));
    read_back(memory, wanted);
    const std::size_t before = programs.size();
    programs.resize(before + std::min<std::size_t>(wanted.count, YETT_PROGRAMS_MAX));
    const auto more = std::span(programs).subspan(before);
    if (more.empty()) return programs;
    if (const int error = read_memory(memory, sizeof wanted, std::as_writable_bytes(more));
        error != 0)
      return fail(errno_error(error, "ask", "yettd"));
  }
}

std::string made_of(const yett_program_info& program) {
  const char* name = static_cast<const char*>(program.made_of);
  return escape_for_terminal({name, ::strnlen(name, sizeof program.made_of)});
}

std::string usual_host() {
  // As yettd's own default, and as its unit for systemd has it.
  constexpr std::array kPlaces{"/run/yett/yettd.sock", "/run/yettd.sock"};
  for (const char* place : kPlaces)
    if (DaemonLink::connect(place)) return place;
  return {};
}

}  // namespace yett
