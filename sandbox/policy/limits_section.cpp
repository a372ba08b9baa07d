// [limits]: sizes, counts, CPUs and times, each within what a kernel could hold.
#include <fmt/format.h>

#include <array>

#include "base/text.hpp"
#include "sandbox/policy/policy_sections.hpp"

namespace yett {
namespace {

constexpr std::array<std::string_view, 8> kKeys{"memory", "swap",       "pids",      "cpu",
                                                "wall",   "open_files", "file_size", "disk"};

// A whole number in a range, and how to name its unit when it is not.
struct Range {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  std::string_view form;
};

constexpr Range kMemory{1 << 20, 1ULL << 50, "a size from 1M on: \"256M\", \"1G\""};
constexpr Range kSwap{0, 1ULL << 50, "a size: 0, \"64M\", \"1G\""};
constexpr Range kPids{1, 4'194'304, "a whole number from 1 to 4194304"};
constexpr Range kOpenFiles{8, 1'048'576, "a whole number from 8 to 1048576"};
constexpr Range kFileSize{0, 1ULL << 62, "a size: \"100M\", \"1G\""};
constexpr Range kDisk{64 << 10, 1ULL << 50, "a size from 64K on: \"100M\", \"1G\""};

// Reads the keys of one [limits] table into a LimitPolicy.
class LimitReader {
 public:
  LimitReader(TomlReader& reader, const toml::table& table, LimitPolicy& limits)
      : reader_(reader), table_(table), limits_(limits) {}

  void number(std::string_view key, const Range& range, std::optional<std::uint64_t>& limit) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    const auto value = as_size(*node);
    if (!value || *value < range.least || *value > range.most) return refuse(key, range.form);
    limit = value;
    remember(key);
  }

  void cpus() {
    const toml::node* node = table_.get("cpu");
    if (node == nullptr) return;
    const auto value = node->value<double>();
    constexpr double kLeast = 0.01;
    constexpr double kMost = 4096;
    if (!value || !(*value >= kLeast && *value <= kMost))
      return refuse("cpu", "a number of CPUs from 0.01 on: 1.5");
    limits_.cpus = value;
    remember("cpu");
  }

  void wall() {
    const toml::node* node = table_.get("wall");
    if (node == nullptr) return;
    const auto duration = as_duration(*node);
    if (!duration || duration->count() == 0) return refuse("wall", "a time: \"500ms\", \"30s\"");
    limits_.wall = duration;
    remember("wall");
  }

 private:
  static std::optional<std::uint64_t> as_size(const toml::node& node) {
    if (const auto* number = node.as_integer())
      return number->get() < 0 ? std::nullopt
                               : std::optional(static_cast<std::uint64_t>(number->get()));
    if (const auto* text = node.as_string()) return parse_size(text->get());
    return std::nullopt;
  }

  static std::optional<std::chrono::milliseconds> as_duration(const toml::node& node) {
    if (const auto* number = node.as_integer())
      return parse_duration(std::to_string(number->get()));
    if (const auto* text = node.as_string()) return parse_duration(text->get());
    return std::nullopt;
  }

  void refuse(std::string_view key, std::string_view form) {
    reader_.note(reader_.location_of(*table_.get(key)), fmt::format("'{}' must be {}", key, form));
  }

  void remember(std::string_view key) {
    limits_.sources[std::string(key)] = reader_.location_of(*table_.get(key));
  }

  TomlReader& reader_;
  const toml::table& table_;
  LimitPolicy& limits_;
};

}  // namespace

void read_limits(TomlReader& reader, const toml::table& table, Policy& policy) {
  reader.check_keys(table, "[limits]", kKeys);
  LimitPolicy& limits = policy.limits;
  LimitReader keys(reader, table, limits);
  keys.number("memory", kMemory, limits.memory_bytes);
  keys.number("swap", kSwap, limits.swap_bytes);
  keys.number("pids", kPids, limits.pids);
  keys.number("open_files", kOpenFiles, limits.open_files);
  keys.number("file_size", kFileSize, limits.file_size_bytes);
  keys.number("disk", kDisk, limits.disk_bytes);
  keys.cpus();
  keys.wall();
}

}  // namespace yett
