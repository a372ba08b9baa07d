#include "runsc-like/images/image_parts.hpp"

#include <algorithm>
#include <string_view>

#include "base/text.hpp"
#include "runsc-like/oci/config/field.hpp"
#include "runsc-like/oci/config/json_document.hpp"

namespace yett {
namespace {

using oci::Field;
using oci::JsonValue;

struct Document {
  std::string name;
  JsonValue value;
};
Result<Document> parse_document(const std::string& text, const std::string& name) {
  YETT_TRY(JsonValue value, oci::parse_json(text, name));
  return Document{.name = name, .value = std::move(value)};
}

Result<Document> read_document(const ImageFiles& files, const std::string& path) {
  YETT_TRY(const std::string text, files.read_text(path));
  return parse_document(text, path);
}

// The digest of the one manifest that is for this machine, of an index.
Result<std::string> choose_manifest(const Document& index) {
  oci::Reading reading{
      .file_name = index.name, .root = &index.value, .problems = {}, .warnings = {}};
  const Field manifests = Field(reading).require("manifests");
  std::vector<std::string> found;
  const std::size_t count = manifests.there() ? manifests.value().items.size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::string digest;
    std::string architecture = "amd64";
    oci::read(manifests.at(i).require("digest"), digest);
    oci::read(manifests.at(i)["platform"]["architecture"], architecture);
    if (architecture == "amd64") found.push_back(digest);
  }
  YETT_CHECK(reading.finish());
  if (found.size() == 1) return found.front();
  return fail(request_error(
      index.name, found.empty() ? "has no image for amd64" : "has more than one image for amd64",
      "import an archive that holds one"));
}

bool is_index(const JsonValue& value) {
  return std::ranges::find(value.names, "manifests") != value.names.end();
}

// The manifest, behind one index or more.
Result<Document> find_manifest(const ImageFiles& files) {
  YETT_TRY(Document document, read_document(files, "index.json"));
  constexpr int kDeepest = 4;
  for (int depth = 0; is_index(document.value); ++depth) {
    if (depth == kDeepest) return fail(request_error("index.json", "indexes lie too deep"));
    YETT_TRY(const std::string digest, choose_manifest(document));
    YETT_TRY(const std::string text, files.read_blob(digest));
    YETT_TRY(document, parse_document(text, digest));
  }
  return document;
}

}  // namespace

Result<ImageParts> read_layout(const ImageFiles& files) {
  YETT_TRY(const Document document, find_manifest(files));
  oci::Reading reading{
      .file_name = document.name, .root = &document.value, .problems = {}, .warnings = {}};
  const Field root(reading);
  std::string config_digest;
  std::vector<std::string> digests;
  oci::read(root.require("config").require("digest"), config_digest);
  const Field layers = root.require("layers");
  for (std::size_t i = 0; layers.there() && i < layers.value().items.size(); ++i)
    oci::read(layers.at(i).require("digest"), digests.emplace_back());
  YETT_CHECK(reading.finish());
  ImageParts parts;
  YETT_TRY(const std::string config, files.read_blob(config_digest));
  YETT_TRY(parts.config, parse_image_config(config, "the image's configuration"));
  for (const std::string& digest : digests) {
    YETT_CHECK(hex_of_digest(digest));
    parts.layers.push_back({.path = {}, .blob = digest});
  }
  return parts;
}

// docker-archive: [{"Config": "HEX.json", "Layers": ["HEX/layer.tar", ...]}].
Result<ImageParts> read_docker_archive(const ImageFiles& files) {
  YETT_TRY(const Document document, read_document(files, "manifest.json"));
  oci::Reading reading{
      .file_name = document.name, .root = &document.value, .problems = {}, .warnings = {}};
  const Field root(reading);
  if (!root.is_a(JsonValue::Kind::array, "an array") || root.value().items.size() != 1)
    return fail(request_error("manifest.json", "does not hold one image"));
  std::string config_path;
  std::vector<std::string> paths;
  oci::read(root.at(0).require("Config"), config_path);
  oci::read(root.at(0).require("Layers"), paths);
  YETT_CHECK(reading.finish());
  paths.push_back(config_path);
  for (const std::string& path : paths)
    if (path.starts_with('/') || ("/" + path + "/").find("/../") != std::string::npos)
      return fail(request_error(escape_for_terminal(path), "leads out of the archive"));
  paths.pop_back();
  ImageParts parts;
  YETT_TRY(const std::string config, files.read_text(config_path));
  YETT_TRY(parts.config, parse_image_config(config, "the image's configuration"));
  for (std::string& path : paths) parts.layers.push_back({.path = std::move(path), .blob = {}});
  return parts;
}

}  // namespace yett
