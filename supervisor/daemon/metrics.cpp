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

}  // namespace

void Histogram::count(std::chrono::nanoseconds took) {
  ++count_;
  sum_ += took;
  for (std::size_t i = 0; i < kBoundsMs.size(); ++i)
    if (took <= std::chrono::milliseconds(kBoundsMs[i])) ++below_[i];
}

std::string Histogram::lines(std::string_view name, std::string_view labels) const {
  std::string text;
  for (std::size_t i = 0; i < kBoundsMs.size(); ++i)
    text +=
        fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, kBoundsMs[i] / 1e3, below_[i]);
  text += fmt::format("{}_bucket{{{},le=\"+Inf\"}} {}\n", name, labels, count_);
  text +=
      fmt::format("{}_sum{{{}}} {}\n", name, labels, std::chrono::duration<double>(sum_).count());
  return text + fmt::format("{}_count{{{}}} {}\n", name, labels, count_);
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
  text += single("yettd_refused_clients_total", "counter", "Connections of who may not connect.",
                 refused_clients_);
  text += single("yettd_lost_events_total", "counter", "Events that a client did not read in time.",
                 lost_events_);
  text += single("yettd_reloads_total", "counter", "Configurations read again.", reloads_);
  return text + pool_lines(state.pools);
}

}  // namespace yett
