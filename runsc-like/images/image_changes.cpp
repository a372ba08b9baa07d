#include "runsc-like/images/image_changes.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "runsc-like/oci/config/field.hpp"
#include "runsc-like/oci/config/json_document.hpp"

namespace yett {
namespace {

Status set_command(ImageConfig& config, const std::string& value) {
  if (!value.starts_with('[')) {
    config.command = {"/bin/sh", "-c", value};
    return {};
  }
  YETT_TRY(const oci::JsonValue document, oci::parse_json(value, "CMD"));
  oci::Reading reading{.file_name = "CMD", .root = &document, .problems = {}, .warnings = {}};
  config.command.clear();
  oci::read(oci::Field(reading), config.command);
  return reading.finish();
}

Status set_variable(ImageConfig& config, const std::string& value) {
  const std::size_t equals = value.find('=');
  if (equals == 0 || equals == std::string::npos)
    return fail(request_error("ENV " + escape_for_terminal(value), "wanted ENV NAME=VALUE"));
  const std::string name = value.substr(0, equals + 1);
  std::erase_if(config.environment,
                [&](const std::string& each) { return each.starts_with(name); });
  config.environment.push_back(value);
  return {};
}

Status set_directory(ImageConfig& config, const std::string& value) {
  if (!value.starts_with('/'))
    return fail(request_error("WORKDIR " + escape_for_terminal(value), "wanted an absolute path"));
  config.working_directory = value;
  return {};
}

}  // namespace

Status change_config(ImageConfig& config, const std::string& change) {
  const std::size_t space = change.find(' ');
  const std::string word = change.substr(0, space);
  const std::size_t begin = change.find_first_not_of(' ', std::min(space, change.size()));
  const std::string value = begin == std::string::npos ? "" : change.substr(begin);
  if (!value.empty()) {
    if (word == "CMD") return set_command(config, value);
    if (word == "ENV") return set_variable(config, value);
    if (word == "WORKDIR") return set_directory(config, value);
    if (word == "USER") {
      config.user = value;
      return {};
    }
  }
  return fail(request_error("--change '" + escape_for_terminal(change.substr(0, 100)) + "'",
                            "is nothing that can be changed",
                            "'CMD ...', 'ENV NAME=VALUE', 'WORKDIR DIR' or 'USER USER'"));
}

}  // namespace yett
