#include "bench/machine.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string_view>

#include "base/text.hpp"

namespace yett::bench {
namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      if (const std::size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown";
}

double load_of_last_minute() {
  std::array<double, 1> load{};
  return ::getloadavg(load.data(), 1) == 1 ? load[0] : 0;
}

std::string first_line_of(const std::string& command) {
  std::FILE* output = ::popen((command + " 2>/dev/null").c_str(), "re");
  if (output == nullptr) return {};
  std::array<char, 200> line{};
  const bool read = std::fgets(line.data(), line.size(), output) != nullptr;
  ::pclose(output);
  std::string text = read ? line.data() : "";
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace

Machine describe_machine(const std::vector<std::string>& version_commands) {
  Machine machine;
  utsname name{};
  if (::uname(&name) == 0) machine.kernel = std::string(name.sysname) + " " + name.release;
  machine.processor = processor_name();
  machine.processors = ::sysconf(_SC_NPROCESSORS_ONLN);
  machine.memory = format_size(static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                               static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  machine.load = load_of_last_minute();
  for (const std::string& command : version_commands)
    if (std::string version = first_line_of(command); !version.empty())
      machine.versions.push_back(std::move(version));
  machine.date = utc_now();
  return machine;
}

}  // namespace yett::bench
