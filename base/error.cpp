#include "base/error.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.hpp"

namespace yett {
namespace {

ErrorKind kind_of_errno(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EAGAIN:
      return ErrorKind::exhausted;
    case ESRCH:
      return ErrorKind::target_gone;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorKind::unsupported_host;
    default:
      return ErrorKind::system;
  }
}

}  // namespace

std::string Error::message() const {
  std::string text = operation;
  const auto append = [&text](const std::string& part) {
    if (part.empty()) return;
    if (!text.empty()) text += ": ";
    text += part;
  };
  append(escape_for_terminal(subject));  // names are often chosen by somebody untrusted
  append(detail);
  if (sys_errno != 0) append(std::strerror(sys_errno));
  if (!mend.empty()) text += " (" + mend + ")";
  return text;
}

Error errno_error(std::string operation, std::string subject) {
  return errno_error(errno, std::move(operation), std::move(subject));
}

Error errno_error(int error_number, std::string operation, std::string subject) {
  return Error{.kind = kind_of_errno(error_number),
               .sys_errno = error_number,
               .operation = std::move(operation),
               .subject = std::move(subject),
               .detail = {},
               .mend = {}};
}

Error request_error(std::string subject, std::string detail, std::string mend) {
  return Error{.kind = ErrorKind::invalid_request,
               .sys_errno = 0,
               .operation = {},
               .subject = std::move(subject),
               .detail = std::move(detail),
               .mend = std::move(mend)};
}

Error host_error(std::string subject, std::string detail, std::string mend) {
  Error error = request_error(std::move(subject), std::move(detail), std::move(mend));
  error.kind = ErrorKind::unsupported_host;
  return error;
}

}  // namespace yett
