// What can go wrong, as a value. Callers branch on `kind` only; the rest is for people.
#pragma once

#include <string>

namespace yett {

enum class ErrorKind {
  invalid_request,   // the caller asked for something impossible or malformed
  unsupported_host,  // this kernel, machine or privilege cannot give what was asked
  exhausted,         // a limited thing ran out: fds, loop devices, memory, disk
  target_gone,       // the supervised process left; a normal ending
  system,            // a system call failed for another reason
  internal,          // a broken invariant of ours
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  int sys_errno = 0;      // 0 where no system call was involved
  std::string operation;  // what was being done: "mount overlay", "policy"
  std::string subject;    // on what: a path, "policy.toml:3:7", a flag
  std::string detail;     // the rest of the sentence, when errno does not say it
  std::string mend;       // what the reader can do about it; may be empty

  // One line: "operation: subject: detail or strerror (mend)".
  [[nodiscard]] std::string message() const;
};

// The error of a failed system call: reads errno, so call it at once.
[[nodiscard]] Error errno_error(std::string operation, std::string subject = {});
[[nodiscard]] Error errno_error(int error_number, std::string operation, std::string subject = {});

// A request that cannot be honoured as it stands.
[[nodiscard]] Error request_error(std::string subject, std::string detail, std::string mend = {});

// A host that lacks what the request needs.
[[nodiscard]] Error host_error(std::string subject, std::string detail, std::string mend = {});

}  // namespace yett
