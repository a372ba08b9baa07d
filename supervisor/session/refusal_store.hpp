// The refusals of recent runs, for `yett explain last` and `yett explain ID` where no audit log was
// asked for: one file of the runtime directory, root's alone, gone with the next boot.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace yett {

// Half of it is dropped, the oldest first, when it would grow beyond.
inline constexpr std::size_t kMostKeptBytes = 512UL << 10;

// Appends the lines (AuditSink::kept()) of a run that has ended. Nothing for a run without
// refusals.
[[nodiscard]] Status keep_refusals(const std::string& runtime_directory,
                                   const std::vector<std::string>& lines);
// Empty: none were kept since boot.
[[nodiscard]] Result<std::string> kept_refusals();

}  // namespace yett
