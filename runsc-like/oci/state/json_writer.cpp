#include "runsc-like/oci/state/json_writer.hpp"

namespace yett::oci {
namespace {

void append_escaped(std::string& text, char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (byte) {
    case '"':
    case '\\':
      text += '\\';
      text += byte;
      return;
    case '\n':
      text += "\\n";
      return;
    case '\t':
      text += "\\t";
      return;
    case '\r':
      text += "\\r";
      return;
    default:
      break;
  }
  const auto value = static_cast<unsigned char>(byte);
  if (value >= 0x20) {
    text += byte;
    return;
  }
  text += "\\u00";
  text += kHex[value >> 4];
  text += kHex[value & 15];
}

}  // namespace

void JsonWriter::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view text) {
  separate();
  text_ += text;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  value(name);
  text_ += ':';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  text_ += '"';
  for (const char byte : text) append_escaped(text_, byte);
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::value(bool truth) { return raw(truth ? "true" : "false"); }

JsonWriter& JsonWriter::value(const std::vector<std::string>& texts) {
  begin_array();
  for (const std::string& text : texts) value(std::string_view(text));
  return end_array();
}

JsonWriter& JsonWriter::value(const std::map<std::string, std::string>& members) {
  begin_object();
  for (const auto& [name, text] : members) member(name, std::string_view(text));
  return end_object();
}

}  // namespace yett::oci
