#include "runsc-like/cli/inspect.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "sandbox/package/image_file.hpp"
#include "sandbox/package/pack/pack_image.hpp"
#include "sandbox/package/package.hpp"
#include "sandbox/package/superblock.hpp"

namespace yett {
namespace {

constexpr const char* kDescription =
    "Tell what a package is, holds and asks for.\n\n"
    "Nothing is mounted or run: the superblock is read as numbers, /yett.toml by a confined child.";
constexpr const char* kExamples =
    "Example:\n  yett inspect app.sqfs\n  yett inspect --json app.sqfs | jq .manifest.command\n\n"
    "Exit status: 0 told, 1 failed or no package, 2 wrong command line.";
constexpr CommandHelp kHelp{
    .description = kDescription, .usage = "yett inspect [--json] PACKAGE", .examples = kExamples};

struct Inspection {
  std::string path;
  ImageKind kind = ImageKind::directory;
  std::optional<ImageSummary> image;  // of an image file
  std::string digest;
  PackageManifest manifest;
};

const char* kind_name(ImageKind kind) {
  switch (kind) {
    case ImageKind::squashfs:
      return "squashfs";
    case ImageKind::erofs:
      return "EROFS";
    case ImageKind::directory:
      return "directory";
    case ImageKind::host:
      break;
  }
  return "host";
}

Result<Inspection> inspect(const std::string& path) {
  Inspection found{.path = path};
  YETT_TRY(found.kind, detect_image(path));
  if (found.kind != ImageKind::directory) {
    YETT_TRY(const ImageFile image, open_image_file(path));
    YETT_TRY(found.image, check_superblock(image));
    YETT_TRY(found.digest, digest_file(path));
  }
  YETT_TRY(found.manifest, read_manifest(path, found.kind));
  return found;
}

std::string utc(std::uint64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  struct tm parts{};
  if (seconds > (1ULL << 40) || ::gmtime_r(&when, &parts) == nullptr) return "?";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void print_row(const char* name, const std::string& value) {
  if (!value.empty())
    std::fputs(fmt::format("{:<12} {}\n", name, escape_for_terminal(value)).c_str(), stdout);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    const bool plain = !word.empty() && word.find_first_of(" \t'\"\\") == std::string::npos;
    text += plain ? word : "'" + word + "'";
  }
  return text;
}

void print_image(const ImageSummary& image) {
  print_row("compressor", image.compressor);
  print_row("block size", format_size(image.block_size));
  print_row("size", fmt::format("{} ({} bytes)", format_size(image.file_size), image.file_size));
  print_row("entries", fmt::format("{} (files, directories and links)", image.inode_count));
  print_row("created", utc(image.created));
}

void print_manifest(const PackageManifest& manifest) {
  if (!manifest.present) {
    print_row("manifest", "none: name a command to run it");
    return;
  }
  print_row("name", manifest.name);
  print_row("version", manifest.version);
  print_row("command", joined(manifest.command));
  print_row("workdir", manifest.working_directory);
  for (const std::string& variable : manifest.environment) print_row("env", variable);
  print_row("policy",
            manifest.policy_toml.empty() ? "asks for none" : "asks for (bounded by yours):");
  std::string_view rest = manifest.policy_toml;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    if (end > 0)
      std::fputs(fmt::format("  {}\n", escape_for_terminal(rest.substr(0, end))).c_str(), stdout);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void print_table(const Inspection& found) {
  print_row("package", found.path);
  print_row("kind", kind_name(found.kind));
  if (found.image) print_image(*found.image);
  print_row("sha256", found.digest);
  print_manifest(found.manifest);
}

void print_json(const Inspection& found) {
  nlohmann::ordered_json json{{"path", found.path}, {"kind", kind_name(found.kind)}};
  if (found.image) {
    json["compressor"] = found.image->compressor;
    json["block_size"] = found.image->block_size;
    json["file_size"] = found.image->file_size;
    json["bytes_used"] = found.image->bytes_used;
    json["entries"] = found.image->inode_count;
    json["created"] = found.image->created;
    json["sha256"] = found.digest;
  }
  json["manifest"] = nullptr;
  if (found.manifest.present)
    json["manifest"] = {{"name", found.manifest.name},
                        {"version", found.manifest.version},
                        {"command", found.manifest.command},
                        {"env", found.manifest.environment},
                        {"workdir", found.manifest.working_directory},
                        {"policy_toml", found.manifest.policy_toml}};
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  std::fputs((json.dump(2, ' ', false, kReplace) + "\n").c_str(), stdout);
}

int wrong_usage(const std::string& problem) {
  std::fprintf(stderr, "yett: inspect: %s (see: yett inspect --help)\n",
               escape_for_terminal(problem).c_str());
  return 2;
}

}  // namespace

int run_inspect(int argc, char** argv) {
  bool as_json = false;
  const std::array options{Option{0, "json", "", "one JSON document", &as_json}};
  const auto line = parse_command_line(options, {argv + 1, argv + argc});
  if (line && line->help) {
    std::fputs(help_text(kHelp, options).c_str(), stdout);
    return 0;
  }
  if (!line) return wrong_usage(line.error());
  if (line->places.size() != 1) return wrong_usage("name one PACKAGE");
  const std::string& path = line->places[0];
  const Result<Inspection> found = inspect(path);
  if (!found) return print_error("inspect", found.error(), 1);
  if (as_json)
    print_json(*found);
  else
    print_table(*found);
  return 0;
}

}  // namespace yett
