// The first line of a script, as execve(2) reads it: "#!", a path, and at most one word. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace yett {

// What the kernel looks at of a file.
inline constexpr std::size_t kScriptLineSize = 256;

struct ScriptLine {
  std::string interpreter;
  std::optional<std::string> word;
};

[[nodiscard]] inline bool is_script(std::string_view begins) { return begins.starts_with("#!"); }

// `begins`: the file's first bytes, at most kScriptLineSize. Nothing: it names no interpreter
// (ENOEXEC).
[[nodiscard]] std::optional<ScriptLine> parse_script_line(std::string_view begins);

}  // namespace yett
