// Typed reading of a JSON tree. A Field is a place in it, there or missing; read() puts what is
// there into a member of a struct, leaves the member alone where nothing is, and notes what does
// not fit with its JSON path: all problems of a file, not only the first.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.hpp"
#include "runsc-like/oci/config/json_document.hpp"

namespace yett::oci {

// A document being read, and what is wrong with it.
struct Reading {
  std::string file_name;
  const JsonValue* root = nullptr;
  std::vector<std::string> problems;  // "config.json: /cwd: is no absolute path (begin it with /)"
  std::vector<std::string> warnings;  // same form

  [[nodiscard]] Status finish() const;  // all problems as one error, a line each
};

class Field {
 public:
  explicit Field(Reading& reading) : reading_(&reading), value_(reading.root) {}

  // Null counts as missing, as it does for the runtimes that engines were written against.
  [[nodiscard]] bool there() const {
    return value_ != nullptr && value_->kind != JsonValue::Kind::null;
  }
  [[nodiscard]] const JsonValue& value() const { return *value_; }  // Preconditions: there()

  // A member of an object; missing where the object is missing, has no such member, or is none (a
  // problem is noted once, by read_object).
  [[nodiscard]] Field operator[](std::string_view name) const;
  // The same, and a problem if it is missing.
  [[nodiscard]] Field require(std::string_view name) const;
  [[nodiscard]] Field at(std::size_t index) const;  // of an array or object

  // Notes a problem unless it is of the kind.
  [[nodiscard]] bool is_a(JsonValue::Kind kind, const char* needed) const;
  void reject(std::string_view problem, std::string_view mend = {}) const;
  void warn(std::string_view what) const;

 private:
  Field(Reading& reading, const JsonValue* value, const JsonValue* parent, std::string_view name)
      : reading_(&reading), value_(value), parent_(parent), name_(name) {}
  [[nodiscard]] std::string line(std::string_view what, std::string_view mend) const;

  Reading* reading_;
  const JsonValue* value_ = nullptr;
  const JsonValue* parent_ = nullptr;  // of a missing member
  std::string_view name_;              // of a missing member
};

// True: `field` is an object, whose members can be read.
[[nodiscard]] bool is_object(const Field& field);

void read(const Field& field, bool& into);
void read(const Field& field, std::string& into);
// Whole numbers within the bounds, both inclusive.
void read_signed(const Field& field, std::int64_t& into, std::int64_t min, std::int64_t max);
void read_unsigned(const Field& field, std::uint64_t& into, std::uint64_t min, std::uint64_t max);

template <typename Number>
  requires std::is_integral_v<Number>
void read_number(const Field& field, Number& into, Number min = std::numeric_limits<Number>::min(),
                 Number max = std::numeric_limits<Number>::max()) {
  if constexpr (std::is_signed_v<Number>) {
    std::int64_t wide = into;
    read_signed(field, wide, min, max);
    into = static_cast<Number>(wide);
  } else {
    std::uint64_t wide = into;
    read_unsigned(field, wide, min, max);
    into = static_cast<Number>(wide);
  }
}

template <typename Number>
  requires std::is_integral_v<Number>
void read(const Field& field, Number& into) {
  read_number(field, into);
}

template <typename T>
void read(const Field& field, std::vector<T>& into);

template <typename T>
void read(const Field& field, std::optional<T>& into) {
  if (field.there()) read(field, into.emplace());
}

// An optional number within bounds.
template <typename Number>
void read_number(const Field& field, std::optional<Number>& into, Number min, Number max) {
  if (field.there()) read_number(field, into.emplace(min), min, max);
}

template <typename T>
void read(const Field& field, std::vector<T>& into) {
  if (!field.there() || !field.is_a(JsonValue::Kind::array, "an array")) return;
  into.reserve(field.value().items.size());
  for (std::size_t i = 0; i < field.value().items.size(); ++i) {
    const Field item = field.at(i);
    if (item.there())
      read(item, into.emplace_back());
    else
      item.reject("is null", "leave it out");
  }
}

template <typename T>
void read(const Field& field, std::map<std::string, T>& into) {
  if (!field.there() || !is_object(field)) return;
  for (std::size_t i = 0; i < field.value().items.size(); ++i)
    read(field.at(i), into[field.value().names[i]]);
}

// "x" where it begins with a slash; else a problem.
void need_absolute(const Field& field, std::string_view path);
// Notes that `text` is none of the names, and the nearest of them.
void reject_choice(const Field& field, std::string_view text,
                   const std::vector<std::string_view>& names);
// The value of a string that is one of the names of a table of {name, value}; else a problem that
// tells the nearest name.
template <typename Table>
auto read_choice(const Field& field, const Table& table) {
  std::optional<decltype(table[0].value)> chosen;
  std::string text;
  read(field, text);
  if (!field.there() || field.value().kind != JsonValue::Kind::string) return chosen;
  std::vector<std::string_view> names;
  for (const auto& each : table) {
    if (each.name == text) chosen = each.value;
    names.push_back(each.name);
  }
  if (!chosen) reject_choice(field, text, names);
  return chosen;
}

}  // namespace yett::oci
