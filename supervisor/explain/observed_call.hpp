// A system call and what came of it, as a trace run sees it. Values; the tracer fills them, the
// attribution decides on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/explain/call_text.hpp"
#include "supervisor/verdict/verdict.hpp"

namespace yett {

// A file that the call named, looked at from outside at the call's end.
struct ObservedPath {
  std::string path;  // inside, absolute, links followed as far as they exist
  bool inside = false;
  bool directory = false;
  bool on_host = false;         // the host has a file of that name
  std::uint32_t host_mode = 0;  // its type and permissions
  bool parent_on_host = false;  // the host has its directory
  [[nodiscard]] std::string parent() const;
};

struct ObservedCall {
  Snapshot snapshot;
  ArgumentTexts texts;
  int error = 0;        // errno, positive; 0: it passed
  bool killed = false;  // by SIGSYS, in this call
  std::int32_t pid = 0;
  std::string comm;
  std::optional<ObservedPath> path;         // that was opened, changed, executed
  std::optional<ObservedPath> second_path;  // of rename and link: the new name
  std::string endpoint;                     // "tcp://192.0.2.1:443", "unix:///run/s", "unix:@name"
  std::optional<std::uint64_t> wanted_limit;  // of setrlimit and prlimit64
  std::vector<std::string> stack;             // innermost first; empty: not asked for
};

}  // namespace yett
