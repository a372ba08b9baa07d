// The texts of the files by which programs size themselves, in the kernel's own forms: man proc(5).
// Pure: figures in, text out.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "supervisor/truth/machine_figures.hpp"

namespace yett {

[[nodiscard]] std::string meminfo_text(const MemoryFigures& memory);
[[nodiscard]] std::string swaps_text(const MemoryFigures& memory);
// Times in hundredths of a second, shared out evenly among the CPUs; no figure of the host's.
[[nodiscard]] std::string stat_text(const MachineFigures& figures);
[[nodiscard]] std::string loadavg_text(const MachineFigures& figures);
[[nodiscard]] std::string uptime_text(const MachineFigures& figures);
// The blocks of the host's /proc/cpuinfo that are about CPUs of `shown`; their counts of siblings
// and cores are at most as many as are shown.
[[nodiscard]] std::string cpuinfo_text(std::string_view host, std::span<const unsigned> shown);
// "0-3,7\n".
[[nodiscard]] std::string cpu_list_text(std::span<const unsigned> cpus);

}  // namespace yett
