// `yett logs`.
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"
#include "runsc-like/sandboxes/log_reader.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    Option{'f', "follow", "", "Go on until it ends"},
    Option{'n', "tail", "COUNT", "The last lines only: a count, or all"},
    Option{0, "since", "TIME", "2026-01-31T12:00:00Z, or 10m: of the last ten"},
    Option{'t', "timestamps", "", "With the time of each line"}};
constexpr OciUsage kUsage{"logs", "[OPTIONS] ID",
                          "What a sandbox in the background has written, to where it wrote it.",
                          "yett logs -f --tail 20 web", kOptions};

Result<LogQuery> read_query(const CommandLine& given) {
  LogQuery query;
  if (const std::string tail = given.value("tail", "all"); tail != "all") {
    query.last_lines = parse_decimal(tail);
    if (!query.last_lines) return fail(request_error("--tail " + tail, "wanted a count, or all"));
  }
  const std::string since = given.value("since");
  if (since.empty()) return query;
  if (const auto time = parse_time(since)) {
    query.since_ns = *time;
  } else if (const auto age = parse_duration(since)) {
    query.since_ns = real_time_ns() - std::chrono::nanoseconds(*age).count();
  } else {
    return fail(request_error("--since " + since, "is no point in time",
                              "as 2026-01-31T12:00:00Z, or how long ago: 30s, 10m, 2h"));
  }
  return query;
}

// A terminal is protected from what an untrusted program writes no more than by any other program's
// output: a pager can do that.
void print(const LogLine& line, bool with_time) {
  std::FILE* out = line.stream == LogStream::out ? stdout : stderr;
  if (with_time) std::fprintf(out, "%s ", format_time(line.time_ns).c_str());
  std::fwrite(line.text.data(), 1, line.text.size(), out);
  if (line.tag == LogTag::full) std::fputc('\n', out);
}

enum class Life { running, ending, over };

// Its end is noted when all is written. Where its supervisor has died nobody notes it: then the
// writer may have some of it still.
Life life_of(const std::string& id) {
  const auto found = find_sandbox(oci_store(), id);
  if (!found || found->end) return Life::over;
  const bool alive = is_alive(found->status) || found->status == oci::ContainerStatus::creating;
  return alive ? Life::running : Life::ending;
}

void follow(LogReader& reader, const std::string& id, const LogReader::Take& take) {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 100'000'000};
  constexpr int kPatience = 60;  // pauses; the writer is waited for 5 s
  for (int ending = 0; ending < kPatience;) {
    const Life life = life_of(id);  // asked first: what it wrote before is there then
    reader.read_more(take);
    std::fflush(nullptr);
    if (std::ferror(stdout) != 0 || life == Life::over) return;
    if (life == Life::ending) ++ending;
    ::nanosleep(&kPause, nullptr);
  }
}

Status logs(const CommandLine& given) {
  YETT_TRY(const LogQuery query, read_query(given));
  const std::string& id = given.places.front();
  YETT_TRY(const ListedSandbox found, find_sandbox(oci_store(), id));
  if (!found.state.sandbox || found.state.sandbox->log.empty())
    return fail(request_error(id, "keeps no log",
                              "its output goes to whoever started it; yett run -d keeps one"));
  YETT_TRY(LogReader reader, LogReader::open(found.state.sandbox->log));
  const bool with_time = given.has("timestamps");
  const LogReader::Take take = [with_time](const LogLine& line) { print(line, with_time); };
  reader.read(query, take);
  if (given.has("follow")) follow(reader, id, take);
  return {};
}

}  // namespace

int sandbox_logs(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(logs(line.arguments()));
}

}  // namespace yett
