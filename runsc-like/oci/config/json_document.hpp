// JSON as a tree, read strictly: what a config.json may be before anybody asks what it says.
// Bounded in size and depth; each name of an object once; no NUL, no bytes that are not UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace yett::oci {

inline constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMaxJsonDepth = 64;

struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, negative, natural, real, string, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::int64_t negative = 0;       // kind negative: a whole number below 0
  std::uint64_t natural = 0;       // kind natural: a whole number from 0
  std::string text;                // kind string
  std::vector<JsonValue> items;    // of an array; of an object, in the order of `names`
  std::vector<std::string> names;  // of an object: each once
};

// "a number", "an object": for "is a number; a string is needed".
[[nodiscard]] const char* json_kind_text(JsonValue::Kind kind);

// Errors: invalid_request, with line and column where the text is no JSON, with the JSON path where
// it breaks a bound.
[[nodiscard]] Result<JsonValue> parse_json(std::string_view text, std::string_view file_name);

// The JSON path (RFC 6901) of a node within the tree of `root`: "/process/args/0"; "" for the root
// and for a node that is not in it.
[[nodiscard]] std::string json_path_of(const JsonValue& root, const JsonValue& node);

// One name of a path: "~" and "/" escaped.
[[nodiscard]] std::string json_path_token(std::string_view name);

}  // namespace yett::oci
