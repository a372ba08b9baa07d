// `yett stats`.
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/cli/usage_table.hpp"
#include "runsc-like/cli/usage_wish.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    Option{0, "no-stream", "", "Once (what it is anyway without a terminal)"},
    Option{'i', "interval", "TIME", "Between two looks (default 1s)"},
    Option{'f', "format", "FORMAT", "table (default) or json"}};
constexpr OciUsage kUsage{"stats", "[OPTIONS] [ID...]",
                          "CPU, memory and processes of what runs, yettd's programs included; on a "
                          "terminal again and again.",
                          "yett stats --no-stream web", kOptions};

Result<UsageLook> look(UsageSource& source, const std::vector<std::string>& ids) {
  YETT_TRY(UsageLook now, source.look(ids));
  std::erase_if(now.rows, [](const UsageRow& row) { return !row.counted; });
  return now;
}

void pause_for(std::chrono::milliseconds time) {
  const timespec pause{.tv_sec = time.count() / 1000, .tv_nsec = time.count() % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

Status stats(const std::string& host, const CommandLine& given) {
  YETT_TRY(const UsageWish wish, read_usage_wish(given));
  YETT_TRY(UsageSource source, UsageSource::open(host));
  YETT_TRY(UsageLook before, look(source, given.places));
  const bool streams = wish.terminal && !wish.json && !given.has("no-stream");
  for (;;) {
    pause_for(wish.interval);
    YETT_TRY(UsageLook now, look(source, given.places));
    std::string text = wish.json ? usage_json(before, now) : usage_table(before, now);
    if (streams) text = "\x1b[H\x1b[J" + text;  // to the top, and all below is gone
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) != 0 || !streams) return {};
    before = std::move(now);
  }
}

}  // namespace

int stats_of(const std::string& host, int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(0, SIZE_MAX)) return line.exit_status();
  return line.finish(stats(host, line.arguments()));
}

int sandbox_stats(int argc, char** argv) { return stats_of({}, argc, argv); }

}  // namespace yett
