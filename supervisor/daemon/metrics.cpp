#include "supervisor/daemon/metrics.hpp"

#include <fmt/format.h>

namespace yett {
namespace {

// A label's value: the three characters that the format gives a meaning to.
std::string label(std::string_view value) {
  std::string text;
  for (const char each : value) {
    if (each == '\\' || each == '"') text += '\\';
    text += each == '\n' ? "\\n" : std::string(1, each);
  }
  return text;
}

std::string head(std::string_view name, std::string_view kind, std::string_view help) {
  return fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, kind, help);
}

std::string single(std::string_view name, std::string_view kind, std::string_view help,
                   std::uint64_t value) {
  return head(name, kind, help) + fmt::format("{} {}\n", name, value);
}

std::string pool_lines(const std::map<std::string, PoolState>& pools) {
  std::string text = head("yettd_pool_ready", "gauge", "Sandboxes that wait for a program.");
  for (const auto& [name, pool] : pools)
    text += fmt::format("yettd_pool_ready{{template=\"{}\"}} {}\n", label(name), pool.ready);
  text += head("yettd_pool_wanted", "gauge", "How many shall wait.");
  for (const auto& [name, pool] : pools)
    text += fmt::format("yettd_pool_wanted{{template=\"{}\"}} {}\n", label(name), pool.wanted);
  return text;
}

// Counts are of all up to a bound, and so in the end of all there are.
struct HistogramText {
  std::string_view name;
  std::string labels;
  std::string text;

  void add(std::string_view bound, std::uint64_t below) {
    text += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound, below);
  }
  void end(std::uint64_t count, double sum) {
    add("+Inf", count);
    text += fmt::format("{}_sum{{{}}} {}\n", name, labels, sum);
    text += fmt::format("{}_count{{{}}} {}\n", name, labels, count);
  }
};

// By CallKind.
constexpr std::array<std::string_view, kCallKinds> kKindNames{
    "refused", "let_run", "emulated", "opened", "redirected", "lent", "control"};

}  // namespace

void CallHistograms::count(const CallTimesReport& times) {
  for (std::size_t kind = 0; kind < kCallKinds; ++kind) {
    for (std::size_t i = 0; i < times.kinds[kind].counts.size(); ++i)
      kinds_[kind].counts[i] += times.kinds[kind].counts[i];
    kinds_[kind].sum_ns += times.kinds[kind].sum_ns;
  }
}

std::string CallHistograms::lines(std::string_view name) const {
  std::string all;
  for (std::size_t kind = 0; kind < kCallKinds; ++kind) {
    HistogramText histogram{
        .name = name, .labels = fmt::format("kind=\"{}\"", kKindNames[kind]), .text = {}};
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kCallTimeBoundsUs.size(); ++i)
      histogram.add(fmt::format("{}", kCallTimeBoundsUs[i] / 1e6), below += kinds_[kind].counts[i]);
    histogram.end(below + kinds_[kind].counts.back(),
                  static_cast<double>(kinds_[kind].sum_ns) / 1e9);
    all += histogram.text;
  }
  return all;
}

void Histogram::count(std::chrono::nanoseconds took) {
  ++count_;
  sum_ += took;
  for (std::size_t i = 0; i < kBoundsMs.size(); ++i)
    if (took <= std::chrono::milliseconds(kBoundsMs[i])) ++below_[i];
}

std::string Histogram::lines(std::string_view name, std::string_view labels) const {
  HistogramText histogram{.name = name, .labels = std::string(labels), .text = {}};
  for (std::size_t i = 0; i < kBoundsMs.size(); ++i)
    histogram.add(fmt::format("{}", kBoundsMs[i] / 1e3), below_[i]);
  histogram.end(count_, std::chrono::duration<double>(sum_).count());
  return histogram.text;
}

std::string Metrics::text(const DaemonState& state) const {
  std::string text = single("yettd_sandboxes", "gauge", "Sandboxes that run.", state.running);
  text += single("yettd_clients", "gauge", "Connections.", state.clients);
  text += head("yettd_starts_total", "counter", "Programs begun, by where their sandbox is from.");
  text += fmt::format("yettd_starts_total{{from=\"pool\"}} {}\n", warm_starts_);
  text += fmt::format("yettd_starts_total{{from=\"cold\"}} {}\n", cold_starts_);
  text += head("yettd_start_seconds", "histogram",
               "From the request for a program until it was executed.");
  text += warm_times_.lines("yettd_start_seconds", "from=\"pool\"");
  text += cold_times_.lines("yettd_start_seconds", "from=\"cold\"");
  text += single("yettd_failed_starts_total", "counter", "Programs that could not be begun.",
                 failed_starts_);
  text += single("yettd_adopted_total", "counter",
                 "Programs that a yettd before this one had begun.", adopted_);
  text += head("yettd_ends_total", "counter", "Sandboxes that have ended, by the reason.");
  for (const auto& [reason, count] : ends_)
    text += fmt::format("yettd_ends_total{{reason=\"{}\"}} {}\n", label(reason), count);
  text += head("yettd_verdicts_total", "counter", "Verdicts that were recorded, by the plane.");
  for (const auto& [key, count] : verdicts_)
    text += fmt::format("yettd_verdicts_total{{plane=\"{}\",verdict=\"{}\"}} {}\n",
                        label(key.first), label(key.second), count);
  text += head("yettd_call_seconds", "histogram",
               "What supervisors took for a call, from its receipt to its answer.");
  text += calls_.lines("yettd_call_seconds");
  text += single("yettd_refused_clients_total", "counter", "Connections of who may not connect.",
                 refused_clients_);
  text += single("yettd_lost_events_total", "counter", "Events that a client did not read in time.",
                 lost_events_);
  text += single("yettd_reloads_total", "counter", "Configurations read again.", reloads_);
  return text + pool_lines(state.pools);
}

}  // namespace yett
