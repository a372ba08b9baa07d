#include "runsc-like/images/image_config.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"
#include "runsc-like/oci/config/field.hpp"
#include "runsc-like/oci/config/json_document.hpp"

namespace yett {
namespace {

using oci::Field;

// At most a MiB of a file of the image's; empty: there is none.
std::string read_inside(BorrowedFd root, const char* path) {
  struct open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd file(static_cast<int>(::syscall(SYS_openat2, root.get(), path, &how, sizeof how)));
  std::string text(1U << 20U, '\0');
  const ssize_t got = file.valid() ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(':', begin), line.size());
    fields.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

// The line of a file like /etc/passwd whose field `column` is `value`.
std::optional<std::vector<std::string>> find_line(const std::string& text, std::size_t column,
                                                  const std::string& value) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    auto fields = fields_of(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (fields.size() > 3 && fields[column] == value) return fields;
  }
  return std::nullopt;
}

Error unknown(const std::string& name, const char* file) {
  return request_error("user " + escape_for_terminal(name),
                       std::string("the image asks for it and its ") + file + " has no such",
                       "give numbers with -u UID:GID");
}

}  // namespace

Result<ImageConfig> parse_image_config(std::string_view text, const std::string& name) {
  YETT_TRY(const oci::JsonValue document, oci::parse_json(text, name));
  oci::Reading reading{.file_name = name, .root = &document, .problems = {}, .warnings = {}};
  const Field config = Field(reading)["config"];
  ImageConfig image;
  std::vector<std::string> arguments;
  oci::read(config["Entrypoint"], image.command);
  oci::read(config["Cmd"], arguments);
  oci::read(config["Env"], image.environment);
  oci::read(config["WorkingDir"], image.working_directory);
  oci::read(config["User"], image.user);
  YETT_CHECK(reading.finish());
  image.command.insert(image.command.end(), arguments.begin(), arguments.end());
  return image;
}

Result<ImageConfig> parse_bundle_config(std::string_view text, const std::string& name) {
  YETT_TRY(const oci::JsonValue document, oci::parse_json(text, name));
  oci::Reading reading{.file_name = name, .root = &document, .problems = {}, .warnings = {}};
  const Field process = Field(reading)["process"];
  ImageConfig image;
  oci::read(process["args"], image.command);
  oci::read(process["env"], image.environment);
  oci::read(process["cwd"], image.working_directory);
  YETT_CHECK(reading.finish());
  return image;
}

Result<std::string> find_image_user(const std::string& user, BorrowedFd root) {
  if (user.empty()) return std::string();
  const std::size_t colon = user.find(':');
  std::string uid = user.substr(0, colon);
  std::string gid = colon == std::string::npos ? "" : user.substr(colon + 1);
  const bool by_number = parse_decimal(uid).has_value();
  const auto line = find_line(read_inside(root, "etc/passwd"), by_number ? 2 : 0, uid);
  if (!line && !by_number) return fail(unknown(uid, "/etc/passwd"));
  if (line) uid = (*line)[2];
  if (gid.empty()) return uid + ":" + (line ? (*line)[3] : uid);
  if (!parse_decimal(gid)) {
    const auto group = find_line(read_inside(root, "etc/group"), 0, gid);
    if (!group) return fail(unknown(gid, "/etc/group"));
    gid = (*group)[2];
  }
  return uid + ":" + gid;
}

}  // namespace yett
