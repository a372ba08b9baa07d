// Result<T>: a value or an Error. Named here once, so that no other room spells the library type.
#pragma once

#include <expected>
#include <utility>

#include "base/error.hpp"

namespace yett {

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

}  // namespace yett

#define YETT_CONCAT_INNER(a, b) a##b
#define YETT_CONCAT(a, b) YETT_CONCAT_INNER(a, b)

// YETT_TRY(auto value, expression): binds the value or returns the error to the caller.
#define YETT_TRY(declaration, expression) \
  YETT_TRY_INNER(declaration, expression, YETT_CONCAT(yett_result_, __LINE__))
#define YETT_TRY_INNER(declaration, expression, result)        \
  auto result = (expression);                                  \
  if (!result) return ::yett::fail(std::move(result).error()); \
  declaration = std::move(result).value()

// YETT_CHECK(expression): for a Status; returns the error to the caller.
#define YETT_CHECK(expression)                             \
  do {                                                     \
    if (auto yett_status = (expression); !yett_status)     \
      return ::yett::fail(std::move(yett_status).error()); \
  } while (false)
