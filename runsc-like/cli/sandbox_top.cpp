// `yett top`: what runs, live; of one sandbox or container, its processes.
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/cli/terminal_screen.hpp"
#include "runsc-like/cli/usage_table.hpp"
#include "runsc-like/cli/usage_wish.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    Option{'i', "interval", "TIME", "Between two looks (default 1s)"},
    Option{'f', "format", "FORMAT", "table (default on a terminal) or json (elsewhere)"}};
constexpr OciUsage kUsage{
    "top", "[OPTIONS] | ID [PS OPTIONS]",
    "What runs, yettd's programs included, and what it takes: a live table (q ends it); without a\n"
    "terminal one look as JSON. With an ID: its processes, by the host's ps.",
    "yett top\n  yett top web -eo pid,user,rss,args", kOptions};

// What a key changes of what is shown.
void turn_view(TopView& view, int key) {
  switch (key) {
    case 'c':
      view.order = TopOrder::cpu;
      break;
    case 'm':
      view.order = TopOrder::memory;
      break;
    case 'p':
      view.order = TopOrder::processes;
      break;
    case 'i':
      view.order = TopOrder::id;
      break;
    case 'j':
      ++view.first;
      break;
    case 'k':
      view.first -= view.first == 0 ? 0 : 1;
      break;
    default:
      break;
  }
}

class LiveTop {
 public:
  LiveTop(UsageSource& source, std::chrono::milliseconds interval)
      : source_(source), interval_(interval) {}

  Status run() {
    YETT_TRY(now_, source_.look({}));
    YETT_TRY(const TerminalScreen screen, TerminalScreen::open());
    auto next = Clock::now() + interval_;
    for (;;) {
      YETT_CHECK(draw(screen));
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
      const int key = left.count() <= 0 ? TerminalScreen::kTime : screen.wait(left);
      if (key == 'q' || key == TerminalScreen::kEnd) return {};
      turn_view(view_, key);
      if (Clock::now() < next) continue;
      before_ = std::move(now_);
      YETT_TRY(now_, source_.look({}));
      next = Clock::now() + interval_;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  Status draw(const TerminalScreen& screen) {
    const auto size = TerminalScreen::size();
    view_.width = size.width;
    view_.height = size.height;
    view_.first = std::min(view_.first, now_.rows.size());
    return screen.draw(top_lines(before_, now_, view_), 1);
  }

  UsageSource& source_;
  std::chrono::milliseconds interval_;
  UsageLook before_;
  UsageLook now_;
  TopView view_;
};

// Between two looks where an interval is given, else since each one's beginning: at once.
Status print_once(UsageSource& source, const CommandLine& given, const UsageWish& wish) {
  UsageLook before;
  if (given.has("interval")) {
    YETT_TRY(before, source.look({}));
    const timespec pause{.tv_sec = wish.interval.count() / 1000,
                         .tv_nsec = wish.interval.count() % 1000 * 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  YETT_TRY(const UsageLook now, source.look({}));
  const bool as_table = given.has("format") && !wish.json;
  const std::string text = as_table ? usage_table(before, now) : usage_json(before, now);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

Status top(const std::string& host, const CommandLine& given) {
  YETT_TRY(const UsageWish wish, read_usage_wish(given));
  YETT_TRY(UsageSource source, UsageSource::open(host));
  if (!wish.terminal || wish.json) return print_once(source, given, wish);
  return LiveTop(source, wish.interval).run();
}

}  // namespace

int top_of(const std::string& host, int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(0, 0)) return line.exit_status();
  return line.finish(top(host, line.arguments()));
}

int sandbox_top(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv, 1);
  if (!line.good(0, SIZE_MAX)) return line.exit_status();
  if (line.arguments().places.empty()) return line.finish(top({}, line.arguments()));
  return oci_ps(argc, argv);
}

}  // namespace yett
