#include "runsc-like/oci/config/field.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace yett::oci {
namespace {

constexpr std::size_t kMaxProblems = 20;

const JsonValue* find_member(const JsonValue& object, std::string_view name) {
  for (std::size_t i = 0; i < object.names.size(); ++i)
    if (object.names[i] == name) return &object.items[i];
  return nullptr;
}

}  // namespace

Status Reading::finish() const {
  if (problems.empty()) return {};
  std::string text;
  for (std::size_t i = 0; i < problems.size() && i < kMaxProblems; ++i)
    text += (i == 0 ? "" : "\n") + problems[i];
  if (problems.size() > kMaxProblems)
    text += fmt::format("\n{}: and {} more", file_name, problems.size() - kMaxProblems);
  return fail(request_error("", std::move(text)));
}

Field Field::operator[](std::string_view name) const {
  if (!there() || value_->kind != JsonValue::Kind::object)
    return {*reading_, nullptr, value_, name};
  return {*reading_, find_member(*value_, name), value_, name};
}

Field Field::require(std::string_view name) const {
  const Field member = (*this)[name];
  const bool in_object = there() && value_->kind == JsonValue::Kind::object;
  if (in_object && !member.there()) member.reject("is missing", "the specification requires it");
  return member;
}

Field Field::at(std::size_t index) const { return {*reading_, &value_->items[index], value_, {}}; }

bool Field::is_a(JsonValue::Kind kind, const char* needed) const {
  if (value_->kind == kind) return true;
  reject(fmt::format("is {}; {} is needed", json_kind_text(value_->kind), needed));
  return false;
}

std::string Field::line(std::string_view what, std::string_view mend) const {
  std::string path;
  if (value_ != nullptr)
    path = json_path_of(*reading_->root, *value_);
  else if (parent_ != nullptr)
    path = json_path_of(*reading_->root, *parent_) + "/" + json_path_token(name_);
  if (path.empty()) path = "/";
  std::string text = fmt::format("{}: {}: {}", reading_->file_name, path, what);
  if (!mend.empty()) text += fmt::format(" ({})", mend);
  return escape_for_terminal(text);
}

void Field::reject(std::string_view problem, std::string_view mend) const {
  reading_->problems.push_back(line(problem, mend));
}

void Field::warn(std::string_view what) const { reading_->warnings.push_back(line(what, {})); }

bool is_object(const Field& field) { return field.is_a(JsonValue::Kind::object, "an object"); }

void read(const Field& field, bool& into) {
  if (field.there() && field.is_a(JsonValue::Kind::boolean, "true or false"))
    into = field.value().boolean;
}

void read(const Field& field, std::string& into) {
  if (field.there() && field.is_a(JsonValue::Kind::string, "a string")) into = field.value().text;
}

void read_signed(const Field& field, std::int64_t& into, std::int64_t min, std::int64_t max) {
  if (!field.there()) return;
  const JsonValue& value = field.value();
  if (value.kind == JsonValue::Kind::negative && value.negative >= min && value.negative <= max) {
    into = value.negative;
    return;
  }
  const bool small = value.kind == JsonValue::Kind::natural && value.natural <= INT64_MAX;
  const auto natural = static_cast<std::int64_t>(value.natural);
  if (small && natural >= min && natural <= max) {
    into = natural;
    return;
  }
  if (value.kind == JsonValue::Kind::natural)
    field.reject(
        fmt::format("is {}; a whole number from {} to {} is needed", value.natural, min, max));
  else if (value.kind == JsonValue::Kind::negative)
    field.reject(
        fmt::format("is {}; a whole number from {} to {} is needed", value.negative, min, max));
  else
    field.reject(fmt::format("is {}; a whole number from {} to {} is needed",
                             json_kind_text(value.kind), min, max));
}

void read_unsigned(const Field& field, std::uint64_t& into, std::uint64_t min, std::uint64_t max) {
  if (!field.there()) return;
  const JsonValue& value = field.value();
  if (value.kind == JsonValue::Kind::natural && value.natural >= min && value.natural <= max) {
    into = value.natural;
    return;
  }
  std::string found = json_kind_text(value.kind);
  if (value.kind == JsonValue::Kind::natural) found = std::to_string(value.natural);
  if (value.kind == JsonValue::Kind::negative) found = std::to_string(value.negative);
  field.reject(fmt::format("is {}; a whole number from {} to {} is needed", found, min, max));
}

void need_absolute(const Field& field, std::string_view path) {
  if (field.there() && field.value().kind == JsonValue::Kind::string && !path.starts_with('/'))
    field.reject(fmt::format("'{}' is no absolute path", path), "begin it with /");
}

void reject_choice(const Field& field, std::string_view text,
                   const std::vector<std::string_view>& names) {
  const auto nearest = nearest_name(text, names);
  field.reject(fmt::format("'{}' is not known", text),
               nearest ? fmt::format("did you mean {}?", *nearest)
                       : fmt::format("known: {}", fmt::join(names, ", ")));
}

}  // namespace yett::oci
