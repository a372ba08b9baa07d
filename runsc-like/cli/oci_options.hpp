// Command lines as runc takes them: `--name value`, `--name=value`, `-name value`, `-n value`, and
// options before or after the container's id.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace yett {

enum class OptionValue { none, required };

struct OciOption {
  std::string_view name;
  char letter = '\0';
  OptionValue value = OptionValue::none;
  std::string_view help;
};

class OciArguments {
 public:
  [[nodiscard]] bool has(std::string_view name) const { return values_.contains(name); }
  // The last one given.
  [[nodiscard]] std::string value(std::string_view name, std::string_view otherwise = {}) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  friend Result<OciArguments> parse_oci_arguments(std::span<const OciOption>,
                                                  std::span<char* const>, std::size_t);
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> words_;
};

// After `words_before_rest` words everything is a word: the command of `exec`.
[[nodiscard]] Result<OciArguments> parse_oci_arguments(std::span<const OciOption> options,
                                                       std::span<char* const> arguments,
                                                       std::size_t words_before_rest = SIZE_MAX);

// One command of the OCI face, for its own --help.
struct OciUsage {
  std::string_view command;
  std::string_view synopsis;  // "[OPTIONS] ID"
  std::string_view summary;
  std::string_view example;
  std::span<const OciOption> options;
};
void print_oci_help(const OciUsage& usage);

}  // namespace yett
