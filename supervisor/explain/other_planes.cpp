#include "supervisor/explain/other_planes.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace yett {
namespace {

struct Row {
  const char* plane;
  const char* reason;
};

constexpr std::array kSystemCall{
    Row{"filter", "number and registers are all that is looked at, and the kernel copied them"},
    Row{"mount tree", "the call is refused as such, whatever file it is about"},
    Row{"landlock", "it knows files, ports and signals, and no system calls"},
    Row{"cgroup-bpf", "it knows addresses and devices, and no system calls"},
    Row{"bpf-lsm", "it comes later: the filter answers before the kernel does anything"},
    Row{"supervisor", "it writes the record; there is nothing in memory to decide on"}};

constexpr std::array kFile{
    Row{"mount tree",
        "what is not there, or is mounted so, cannot be had by any name; it costs "
        "nothing"},
    Row{"filter",
        "it sees where a path lies in memory, not the path, which can change after a look"},
    Row{"landlock",
        "it would cost each open half a microsecond; hardening = \"stacked\" repeats "
        "the mounts there"},
    Row{"bpf-lsm", "it would repeat what the mounts hold, where it can be loaded"},
    Row{"cgroup-bpf", "it knows addresses and devices, and no files"},
    Row{"supervisor", "it would open each file on the program's behalf, for 3 us an open"}};

constexpr std::array kProgram{
    Row{"landlock", "it decides on the file itself at the time of the exec"},
    Row{"mount tree",
        "libraries beside the program must stay executable, and a mount has one "
        "answer for all that is in it"},
    Row{"filter", "it sees where a path lies in memory, not the path"},
    Row{"bpf-lsm", "it would refuse the mapping of libraries, too"},
    Row{"supervisor", "no program can be executed on another's behalf"}};

constexpr std::array kAddress{
    Row{"cgroup-bpf", "it runs on the kernel's copy of the address, for 10 ns a call"},
    Row{"filter", "the address lies in memory, which can change after a look"},
    Row{"landlock", "it knows TCP ports, and neither addresses nor UDP"},
    Row{"bpf-lsm", "it would repeat the rule, where it can be loaded"},
    Row{"mount tree", "an address is no file"},
    Row{"supervisor", "it would make each connection on the program's behalf, for some 10 us"}};

constexpr std::array kNoNetwork{
    Row{"namespaces", "its network has a loopback and nothing else: there is no way to anywhere"},
    Row{"filter", "the address lies in memory, which can change after a look"},
    Row{"cgroup-bpf", "there is nothing left to decide"},
    Row{"landlock", "it knows TCP ports only"}};

constexpr std::array kLimit{Row{"", "the kernel counts it where it is used"},
                            Row{"filter", "a filter cannot count"},
                            Row{"supervisor", "each use would have to be notified"}};

constexpr std::array kEmulated{
    Row{"supervisor",
        "what is asked for lies in memory: it is copied once, and done on the copy "
        "under the sandbox's ids"},
    Row{"filter", "it sees where the value lies, not the value"},
    Row{"bpf-lsm", "limits are no objects that it is asked about"},
    Row{"landlock", "it knows files, ports and signals, and no limits"}};

constexpr std::array kAsked{
    Row{"supervisor", "a person decides, about a file that it has found and holds meanwhile"},
    Row{"mount tree", "what is there needs no question; what is not there asks nobody"},
    Row{"filter",
        "it sees where a path lies in memory, not the path, which can change after a look"},
    Row{"landlock", "it cannot ask"}, Row{"bpf-lsm", "it goes by the task that opens"}};

constexpr std::array kKernelObject{
    Row{"bpf-lsm", "it runs on the kernel's own objects, whatever name led to them"},
    Row{"mount tree", "a mount cannot say it"}, Row{"filter", "registers do not tell the object"},
    Row{"landlock", "it knows files, ports and signals only"},
    Row{"supervisor", "the object can change after a look"}};

constexpr std::array kScope{Row{"landlock", "it knows which processes are of this sandbox"},
                            Row{"filter", "the address lies in memory"},
                            Row{"cgroup-bpf", "its hooks do not see abstract sockets"}};

std::span<const Row> rows_for(std::string_view plane, const AuditRecord& record) {
  if (plane == "filter") return kSystemCall;
  if (plane == "mount tree") return kFile;
  if (plane == "landlock") {
    if (record.object.starts_with("unix:@")) return kScope;
    return kProgram;
  }
  if (plane == "cgroup-bpf") return kAddress;
  if (plane == "namespaces") return kNoNetwork;
  if (plane == "supervisor" && record.mend.starts_with("[files]")) return kAsked;
  if (plane == "supervisor") return kEmulated;
  if (plane == "bpf-lsm") return kKernelObject;
  return kLimit;
}

bool is_emulated(std::string_view call) {
  return call == "setrlimit" || call == "prlimit64" || call == "sysinfo";
}

bool in_force(const ToldRecord& told, std::string_view plane) {
  return std::ranges::any_of(told.backends,
                             [&](std::string_view backend) { return backend.starts_with(plane); });
}

}  // namespace

std::string deciding_plane(const AuditRecord& record) {
  if (record.plane != "supervisor" || is_emulated(record.call)) return record.plane;
  const bool by_registers = record.mend.empty() || record.mend.starts_with("[syscalls]");
  return by_registers ? "filter" : record.plane;
}

std::vector<PlaneReason> plane_reasons(const ToldRecord& told) {
  const std::string plane = deciding_plane(told.record);
  std::vector<PlaneReason> reasons;
  for (const Row& row : rows_for(plane, told.record)) {
    std::string name = *row.plane != 0 ? row.plane : plane;
    const bool missing = name == "bpf-lsm" && plane != "bpf-lsm" && !told.backends.empty() &&
                         !in_force(told, "bpf-lsm");
    reasons.push_back({std::move(name), missing ? "not in force in that run" : row.reason});
  }
  return reasons;
}

}  // namespace yett
