#include "runsc-like/cli/images.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "runsc-like/cli/image_options.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/images/import_image.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{kImageRootOption, kMaxSizeOption,
                              Option{'q', "quiet", "", "Names only"},
                              Option{'f', "format", "FORMAT", "table (default) or json"}};
constexpr OciUsage kUsage{
    "images", "[OPTIONS] [import PATH [NAME[:TAG]] | rm NAME[:TAG]... | prune]",
    "The imported images; import one; remove some; remove what no name has any more.\n\n"
    "PATH is an OCI layout (a directory, or an archive of one), a docker-archive (docker save), a\n"
    "root file system as tar, or a zip or tar that holds a bundle (config.json and rootfs). tar "
    "may\n"
    "be compressed by gzip, bzip2, xz or zstd. Devices are left out, owners are not kept.",
    "yett images import app.tar app:1.2 && yett run app:1.2", kOptions};

// "dir/app-1.2.tar.gz" as "app-1.2".
std::string name_of_path(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::string name = path.substr(path.rfind('/') + 1);
  for (const std::string_view ending : {".gz", ".xz", ".zst", ".bz2", ".tar", ".tgz", ".zip"})
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  return name;
}

Status import(const CommandLine& given) {
  const auto& words = given.places;
  if (words.size() < 2 || words.size() > 3)
    return fail(request_error("import", "wanted a path and a name",
                              "yett images import PATH [NAME[:TAG]]"));
  YETT_TRY(const ImageName name,
           parse_image_name(words.size() > 2 ? words[2] : name_of_path(words[1])));
  YETT_TRY(const UnpackBounds bounds, bounds_of(given));
  YETT_TRY(const ImportedImage imported,
           import_image(image_store_of(given), words[1], name, bounds));
  std::printf("%s\n", imported.image.name.text().c_str());
  if (imported.left_out > 0)
    std::fprintf(stderr, "yett: images: %llu devices, pipes or sockets were left out\n",
                 static_cast<unsigned long long>(imported.left_out));
  return {};
}

Status remove(const CommandLine& given) {
  const ImageStore store = image_store_of(given);
  YETT_TRY(const UniqueFd held, store.lock());
  const auto& words = given.places;
  if (words.size() < 2) return fail(request_error("rm", "no name given"));
  for (std::size_t i = 1; i < words.size(); ++i) {
    YETT_TRY(const ImageName name, parse_image_name(words[i]));
    YETT_CHECK(store.remove_name(name));
    std::printf("%s\n", name.text().c_str());
  }
  return {};
}

Status prune(const CommandLine& given) {
  const ImageStore store = image_store_of(given);
  YETT_TRY(const UniqueFd held, store.lock());
  YETT_TRY(const ImageStore::Pruned pruned, store.prune());
  for (const std::string& layer : pruned.layers) std::printf("%s\n", layer.c_str());
  for (const std::string& layer : pruned.still_used)
    std::fprintf(stderr, "yett: images: %s: kept: a sandbox uses it\n",
                 layer.substr(0, 12).c_str());
  if (pruned.failure) return fail(*pruned.failure);
  return {};
}

std::string as_json(const std::vector<StoredImage>& images) {
  oci::JsonWriter json;
  json.begin_array();
  for (const StoredImage& image : images)
    json.begin_object()
        .member("name", image.name.name)
        .member("tag", image.name.tag)
        .member("layers", image.tree.empty() ? image.layers : std::vector{image.tree})
        .member("bytes", image.bytes)
        .member("created", image.created)
        .member("command", image.config.command)
        .end_object();
  return json.end_array().text() + "\n";
}

std::string as_table(const std::vector<StoredImage>& images) {
  std::vector<std::vector<std::string>> rows{{"NAME", "TAG", "LAYERS", "IMPORTED", "SIZE"}};
  for (const StoredImage& image : images) {
    const auto then = parse_time(image.created);
    rows.push_back({image.name.name, image.name.tag,
                    std::to_string(std::max<std::size_t>(image.layers.size(), 1)),
                    then ? format_age(real_time_ns() - *then) + " ago" : "",
                    format_size(image.bytes)});
  }
  return table(rows);
}

Status list(const CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format != "table" && format != "json")
    return fail(request_error("--format", "is " + format, "table or json"));
  const std::vector<StoredImage> images = image_store_of(given).list();
  std::string text;
  if (given.has("quiet"))
    for (const StoredImage& image : images) text += image.name.text() + "\n";
  else
    text = format == "json" ? as_json(images) : as_table(images);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

Status images(const CommandLine& given) {
  const auto& words = given.places;
  if (words.empty() || words.front() == "list" || words.front() == "ls") return list(given);
  if (words.front() == "import") return import(given);
  if (words.front() == "rm" || words.front() == "remove") return remove(given);
  if (words.front() == "prune") return prune(given);
  return fail(request_error(words.front(), "no such thing to do with images",
                            "import, rm, prune, or nothing to list them"));
}

}  // namespace

int run_images(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(0, SIZE_MAX)) return line.exit_status();
  return line.finish(images(line.arguments()));
}

}  // namespace yett
