// `yett events`: a container's statistics, once or again and again, and its out-of-memory kills.
#include "runsc-like/oci/life/events.hpp"

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"

namespace yett {
namespace {

constexpr std::array kEventsOptions{
    Option{0, "interval", "TIME", "Between two statistics (default 5s)"},
    Option{0, "stats", "", "The statistics once, and end"}};

constexpr OciUsage kEventsUsage{
    "events", "[OPTIONS] ID",
    "Print a container's statistics and out-of-memory kills as JSON, a line each.",
    "yett events --stats app1", kEventsOptions};

void print_line(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

Status events(const CommandLine& given) {
  const std::string& id = given.places.front();
  if (given.has("stats")) {
    YETT_TRY(const std::string line, oci::statistics_of(oci_store(), id));
    print_line(line);
    return {};
  }
  const auto interval = parse_duration(given.value("interval", "5s"));
  if (!interval || interval->count() == 0)
    return fail(request_error("--interval", "is no duration above 0", "such as 5s or 500ms"));
  return oci::watch_events(oci_store(), id, *interval, print_line);
}

}  // namespace

int oci_events(int argc, char** argv) {
  const OciCommandLine line(kEventsUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(events(line.arguments()));
}

}  // namespace yett
