// The options before an OCI command, and how its errors are told.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/result.hpp"
#include "runsc-like/cli/command_line.hpp"

namespace yett {

struct OciGlobals {
  std::string root;  // --root, or a directory that is the caller's alone
  std::string log_file;
  bool log_json = false;
  bool debug = false;
  bool systemd_cgroup = false;
  char** command_line = nullptr;  // all of it, from the program's name on
  bool given = false;             // any of them was: the caller speaks runc's language
};

[[nodiscard]] const OciGlobals& oci_globals();
[[nodiscard]] std::span<const Option> oci_global_options();
void keep_command_line(char** argv);
// Is the first word one of them, and not --help or --version?
[[nodiscard]] bool begins_with_oci_globals(std::string_view word);
// Reads what stands before the command; returns how many words it was.
[[nodiscard]] Result<std::size_t> read_oci_globals(std::span<char* const> arguments);

// Tells an error where the caller wants it: the log file, and stderr. Returns `exit_status`.
int tell_oci_error(const char* command, const Error& error, int exit_status);
void tell_oci_warning(const std::string& text);

inline constexpr int kOciFailure = 1;           // runc's exit status for a command that failed
inline constexpr int kOciProcessFailure = 255;  // and for a process that could not be run

}  // namespace yett
