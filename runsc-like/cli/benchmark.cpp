#include "runsc-like/cli/benchmark.hpp"

#include <unistd.h>
#include <climits>

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "bench/spawn.hpp"
#include "bench/statistics.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett {
namespace {

using bench::CommandLine;
using bench::Rounds;
using bench::Summary;

constexpr std::uint64_t kDefaultRounds = 11;
constexpr std::uint64_t kMostRounds = 100'000;

constexpr std::array kOptions{
    Option{'n', "rounds", "VALUE", "How often it is run in each way (default 11)"},
    Option{'r', "run", "VALUE",
           "A word more for `yett run`, as --run=--here; as often as you like"},
    Option{'f', "format", "FORMAT", "table (default) or json"}};
constexpr OciUsage kUsage{
    "benchmark", "[OPTIONS] PROGRAM [ARG...]",
    "What a sandbox costs a program: runs it as it is and by `yett run`, in turn, its output "
    "thrown\n"
    "away, and compares the two times of each round. Quartiles tell how far the rounds differ; of\n"
    "fewer than five there is no ratio.",
    "yett benchmark -n 21 --run=--policy=container -- python3 -c 'print(1)'", kOptions};

struct Wish {
  std::size_t rounds = kDefaultRounds;
  CommandLine native;
  CommandLine sandboxed;
  bool json = false;
};

Result<Wish> read_wish(const yett::CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format != "table" && format != "json")
    return fail(request_error("--format", "is " + format, "table or json"));
  const std::string text = given.value("rounds", std::to_string(kDefaultRounds));
  const auto rounds = parse_decimal(text, kMostRounds);
  if (!rounds || *rounds == 0)
    return fail(request_error("--rounds " + text, "wanted a count from 1 to 100000"));
  std::array<char, PATH_MAX> own{};
  if (::readlink("/proc/self/exe", own.data(), own.size() - 1) <= 0)
    return fail(errno_error("readlink", "/proc/self/exe"));
  Wish wish{.rounds = static_cast<std::size_t>(*rounds),
            .native = given.places,
            .sandboxed = {own.data(), "run"},
            .json = format == "json"};
  for (const std::string& word : given.all("run")) wish.sandboxed.push_back(word);
  wish.sandboxed.emplace_back("--");
  wish.sandboxed.insert(wish.sandboxed.end(), wish.native.begin(), wish.native.end());
  return wish;
}

struct Measured {
  Rounds native;  // microseconds
  Rounds sandboxed;
};

void show_progress(std::size_t done, std::size_t all) {
  if (::isatty(STDERR_FILENO) == 1)
    std::fprintf(stderr, done < all ? "\r\x1b[Kround %zu of %zu" : "\r\x1b[K", done + 1, all);
}

// Once each that does not count, for files that nobody has read yet; then in turn, and the first of
// a round is the other's turn in the next.
Result<Measured> measure(const Wish& wish) {
  YETT_CHECK(bench::time_command(wish.native));
  YETT_CHECK(bench::time_command(wish.sandboxed));
  Measured measured;
  for (std::size_t round = 0; round < wish.rounds; ++round) {
    show_progress(round, wish.rounds);
    for (const bool native : {round % 2 == 0, round % 2 != 0}) {
      YETT_TRY(const double took, bench::time_command(native ? wish.native : wish.sandboxed));
      (native ? measured.native : measured.sandboxed).push_back(took);
    }
  }
  show_progress(wish.rounds, wish.rounds);
  return measured;
}

std::string fixed(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", number);
  return text.data();
}

std::vector<std::string> row(const char* name, const Summary& summary, double unit,
                             const char* unit_name) {
  return {name, fixed(summary.median / unit) + unit_name,
          fixed(summary.lower_quartile / unit) + " to " + fixed(summary.upper_quartile / unit)};
}

std::string as_table(const Measured& measured) {
  constexpr double kMillisecond = 1000;
  std::vector<std::vector<std::string>> rows{
      {"", "MEDIAN", "QUARTILES"},
      row("as it is", bench::summarise(measured.native), kMillisecond, " ms"),
      row("in a sandbox", bench::summarise(measured.sandboxed), kMillisecond, " ms")};
  if (const auto ratio = bench::ratio(measured.sandboxed, measured.native))
    rows.push_back(row("ratio", *ratio, 1, ""));
  return table(rows);
}

// Nanoseconds and thousandths: whole numbers.
void add_summary(oci::JsonWriter& json, const char* name, const Summary& summary) {
  const auto whole = [](double number) { return static_cast<std::int64_t>(number * 1000); };
  json.key(name).begin_object().member("median", whole(summary.median));
  json.member("lowerQuartile", whole(summary.lower_quartile));
  json.member("upperQuartile", whole(summary.upper_quartile)).end_object();
}

std::string as_json(const Measured& measured) {
  oci::JsonWriter json;
  json.begin_object().member("rounds", measured.native.size());
  add_summary(json, "nativeNanoseconds", bench::summarise(measured.native));
  add_summary(json, "sandboxNanoseconds", bench::summarise(measured.sandboxed));
  if (const auto ratio = bench::ratio(measured.sandboxed, measured.native))
    add_summary(json, "ratioThousandths", *ratio);
  return json.end_object().text() + "\n";
}

Status benchmark(const yett::CommandLine& given) {
  YETT_TRY(const Wish wish, read_wish(given));
  YETT_TRY(const Measured measured, measure(wish));
  const std::string text = wish.json ? as_json(measured) : as_table(measured);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (wish.rounds < bench::kFewestRounds)
    std::fprintf(stderr, "yett: benchmark: no ratio: %zu rounds say nothing (-n %zu or more)\n",
                 wish.rounds, bench::kFewestRounds);
  return {};
}

}  // namespace

int run_benchmark(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv, 1);
  if (!line.good(1, SIZE_MAX)) return line.exit_status();
  return line.finish(benchmark(line.arguments()));
}

}  // namespace yett
