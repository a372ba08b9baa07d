#include "runsc-like/cli/doctor_print.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace yett {
namespace {

struct Paint {
  const char* good = "";
  const char* bad = "";
  const char* middling = "";
  const char* strong = "";
  const char* faint = "";
  const char* off = "";
};

Paint paint_of(Colours colours) {
  if (colours == Colours::no) return {};
  return {"\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"};
}

const char* need_heading(Need need) {
  switch (need) {
    case Need::full_mode:
      return "needed by every sandbox";
    case Need::one_use:
      return "needed by some flags, packages and policies";
    case Need::hardening:
      return "second layers and speed";
  }
  return "";
}

const char* need_key(Need need) {
  switch (need) {
    case Need::full_mode:
      return "full_mode";
    case Need::one_use:
      return "one_use";
    case Need::hardening:
      return "hardening";
  }
  return "";
}

std::string join(const std::vector<std::string>& parts, const char* separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string row_text(const HostRow& row, Detail detail, const Paint& paint) {
  const char* colour = row.there                     ? paint.good
                       : row.need == Need::full_mode ? paint.bad
                                                     : paint.middling;
  std::string text = fmt::format("  {}{}{} {:<21} {}\n", colour, row.there ? "+" : "-", paint.off,
                                 row.name, row.gives);
  const auto add = [&text, &paint](const char* label, const std::string& value) {
    if (!value.empty())
      text += fmt::format("      {}{:<8}{} {}\n", paint.faint, label, paint.off,
                          escape_for_terminal(value));
  };
  if (row.there && detail == Detail::everything && !row.detail.empty()) add("is", row.detail);
  if (row.there && detail == Detail::kernel_only) add("options", row.kernel_options);
  if (row.there) return text;
  add("why", row.detail);
  add("costs", row.without);
  add("mend", row.mend);
  add("options", row.kernel_options);
  return text;
}

std::string rows_text(const HostReport& report, Detail detail, const Paint& paint) {
  std::string text;
  const Need* heading = nullptr;
  for (const HostRow& row : report.rows) {
    if (detail == Detail::kernel_only && row.kernel_options.empty() && row.there) continue;
    if (heading == nullptr || *heading != row.need)
      text += fmt::format("\n{}{}{}\n", paint.strong, need_heading(row.need), paint.off);
    heading = &row.need;
    text += row_text(row, detail, paint);
  }
  return text;
}

struct ModeLine {
  const char* name;
  bool works;
  std::string text;
};

std::string fallback_text(const KernelFeatures& features) {
  if (!can_fall_back(features))
    return fmt::format("takes Landlock's ABI {}, Linux 6.12: it is {} here", kFallbackLandlock,
                       features.landlock_abi);
  return "for ordinary users without namespaces, as in a container: the host's own tree, no limit "
         "of cpu, no packages";
}

std::vector<ModeLine> mode_lines(const HostReport& report) {
  const std::string planes = "works; planes: " + join(report.planes, ", ");
  const std::string lacking =
      "does not work: see the lines marked - under \"needed by every sandbox\"";
  const bool root = report.features.is_root;
  const bool full = report.mode == Mode::full;
  const bool rootless = report.mode == Mode::rootless;
  return {{"full", full,
           full   ? planes
           : root ? lacking
                  : "takes root"},
          {"rootless", rootless || (root && report.features.user_namespaces.usable),
           rootless ? planes
           : root   ? "for ordinary users: run yett doctor as one"
                    : lacking},
          {"fallback", can_fall_back(report.features), fallback_text(report.features)}};
}

std::string modes_text(const HostReport& report, const Paint& paint) {
  std::string text = fmt::format("\n{}modes{}\n", paint.strong, paint.off);
  for (const ModeLine& line : mode_lines(report))
    text += fmt::format("  {}{}{} {:<21} {}\n", line.works ? paint.good : paint.middling,
                        line.works ? "+" : "-", paint.off, line.name, line.text);
  return text;
}

std::string tools_text(const HostReport& report, const Paint& paint) {
  std::string text = fmt::format("\n{}tools{}\n", paint.strong, paint.off);
  for (const ToolRow& tool : report.tools) {
    const bool there = !tool.path.empty();
    text += fmt::format("  {}{}{} {:<21} {}{}\n", there ? paint.good : paint.middling,
                        there ? "+" : "-", paint.off, tool.name, tool.gives,
                        there ? "" : " (apt install " + tool.package + ")");
  }
  return text;
}

}  // namespace

std::string doctor_table(const HostReport& report, Detail detail, Colours colours) {
  const Paint paint = paint_of(colours);
  std::string text = fmt::format("{}This host{}: Linux {}\n", paint.strong, paint.off,
                                 escape_for_terminal(report.features.release));
  text += rows_text(report, detail, paint);
  if (detail == Detail::kernel_only) return text;
  return text + tools_text(report, paint) + modes_text(report, paint);
}

std::string doctor_json(const HostReport& report) {
  nlohmann::ordered_json document;
  document["kernel"] = report.features.release;
  const auto works = [&report](Mode mode) { return report.mode == mode ? "works" : "missing"; };
  document["modes"] = {{"full", works(Mode::full)},
                       {"rootless", works(Mode::rootless)},
                       {"fallback", can_fall_back(report.features) ? "works" : "missing"}};
  document["planes"] = report.planes;
  document["landlock_abi"] = report.features.landlock_abi;
  document["features"] = nlohmann::ordered_json::array();
  for (const HostRow& row : report.rows)
    document["features"].push_back({{"name", row.name},
                                    {"there", row.there},
                                    {"detail", row.detail},
                                    {"need", need_key(row.need)},
                                    {"gives", row.gives},
                                    {"without", row.without},
                                    {"mend", row.mend},
                                    {"kernel_options", row.kernel_options}});
  document["tools"] = nlohmann::ordered_json::array();
  for (const ToolRow& tool : report.tools)
    document["tools"].push_back({{"name", tool.name}, {"path", tool.path}, {"gives", tool.gives}});
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace yett
