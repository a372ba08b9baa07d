#include "runsc-like/cli/pack_options.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <string_view>
#include <thread>

#include "base/text.hpp"
#include "runsc-like/cli/command_line.hpp"

namespace yett {
namespace {

constexpr const char* kDescription =
    "Make a package: one compressed, read-only image of an app, for `yett run`.\n\n"
    "DIR becomes the root directory of the package. --from-host adds programs of this host with\n"
    "their libraries, interpreters and data; DIR may then be left out. OUT ends in .sqfs "
    "(squashfs)\n"
    "or .erofs (EROFS: larger, starts faster). Everything in it belongs to root; set-uid bits and\n"
    "extended attributes are dropped, devices and sockets left out.\n\n"
    "A file /yett.toml in the package says how to run it: name, version, command, [env], workdir,\n"
    "and the [policy] that it asks for, which the host's policy always bounds (docs/packages.md).";

constexpr const char* kExamples =
    "Examples:\n"
    "  yett pack app/ app.sqfs                               a directory\n"
    "  yett pack --from-host python3 py.sqfs                 python3 of this host, whole\n"
    "  yett pack --from-host git --from-host sh tools.erofs\n"
    "  yett pack --from-host python3 --add main.py:/app/main.py \\\n"
    "            --command 'python3 /app/main.py' greeter.sqfs\n\n"
    "The same input gives the same bytes; SOURCE_DATE_EPOCH bounds the times in it.\n"
    "Exit status: 0 made, 1 failed, 2 wrong command line.";

constexpr CommandHelp kHelp{
    .description = kDescription, .usage = "yett pack [OPTIONS] DIR OUT", .examples = kExamples};

struct RawLine {
  std::vector<std::string> places;
  std::vector<std::string> from_host;
  std::vector<std::string> additions;
  std::string format;
  std::string level;
  bool force = false;
  std::string block_size;
};

std::vector<Option> options_into(RawLine& raw, PackCommand& command) {
  return {
      {0, "from-host", "PROG", "program of this host, by name or path; repeatable", &raw.from_host},
      {0, "add", "SRC:DST", "host file or directory SRC at DST inside; repeatable", &raw.additions},
      {0, "command", "LINE", "what `yett run OUT` runs, as one line", &command.command},
      {0, "manifest", "FILE", "becomes /yett.toml of the package", &command.manifest_file},
      {'f', "force", "", "overwrite OUT", &raw.force},
      {'q', "quiet", "", "no progress and no summary", &command.quiet},
      {0, "format", "FORMAT", "squashfs or erofs, instead of by OUT's name", &raw.format},
      {0, "compressor", "NAME",
       "squashfs: zstd (default), xz, gzip, lz4; EROFS: lz4 (default), lzma",
       &command.options.compressor},
      {0, "level", "1..22", "of the compressor", &raw.level},
      {0, "block-size", "SIZE", "of squashfs, 4K to 1M (default: 128K)", &raw.block_size},
  };
}

PackLine wrong(const std::string& problem) {
  std::fprintf(stderr, "yett: pack: %s (see: yett pack --help)\n",
               escape_for_terminal(problem).c_str());
  PackLine line;
  line.exit_status = 2;
  return line;
}

bool is_directory(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::optional<ImageKind> kind_of(const RawLine& raw, const std::string& output) {
  if (raw.format == "squashfs") return ImageKind::squashfs;
  if (raw.format == "erofs" || output.ends_with(".erofs")) return ImageKind::erofs;
  static constexpr std::array<std::string_view, 3> kSquashfsNames{".sqfs", ".squashfs", ".sfs"};
  for (const std::string_view name : kSquashfsNames)
    if (output.ends_with(name)) return ImageKind::squashfs;
  return std::nullopt;
}

// What is wrong with the line, or "".
std::string take_places(RawLine& raw, PackCommand& command) {
  if (raw.places.empty()) return "name the directory to pack, and the package: yett pack DIR OUT";
  command.options.output = raw.places.back();
  raw.places.pop_back();
  command.programs = raw.from_host;
  for (const std::string& place : raw.places) {
    const bool further_program = !raw.from_host.empty() && !is_directory(place);
    if (further_program)
      command.programs.push_back(place);  // --from-host git sh OUT
    else if (command.directory.empty())
      command.directory = place;
    else
      return place + ": one directory only; add others with --add SRC:DST";
  }
  if (command.directory.empty() && command.programs.empty() && raw.additions.empty())
    return "name the directory to pack, and the package: yett pack DIR " + command.options.output;
  return {};
}

std::string take_additions(const RawLine& raw, PackCommand& command) {
  for (const std::string& text : raw.additions) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0 || !text.substr(colon + 1).starts_with('/'))
      return "--add " + text + ": must be SRC:DST with an absolute DST";
    command.additions.push_back(
        {.source = text.substr(0, colon), .destination = text.substr(colon + 1)});
  }
  return {};
}

std::string take_format(const RawLine& raw, PackCommand& command) {
  if (!raw.format.empty() && raw.format != "squashfs" && raw.format != "erofs")
    return "--format " + raw.format + ": must be squashfs or erofs";
  const auto kind = kind_of(raw, command.options.output);
  if (!kind) return command.options.output + ": must end in .sqfs or .erofs, or give --format";
  command.options.kind = *kind;
  command.options.overwrite = raw.force ? Overwrite::yes : Overwrite::no;
  command.options.workers = std::max(1U, std::thread::hardware_concurrency());
  if (!command.manifest_file.empty() && !command.command.empty())
    return "--manifest and --command exclude each other: put the command into the file";
  if (raw.block_size.empty()) return {};
  const auto size = parse_size(raw.block_size);
  if (!size || *size < 4096 || *size > (1U << 20) || (*size & (*size - 1)) != 0)
    return "--block-size " + raw.block_size + ": must be a power of two from 4K to 1M";
  command.options.block_size = static_cast<std::uint32_t>(*size);
  return {};
}

std::string take_compressor(const RawLine& raw, PackCommand& command) {
  static constexpr std::array<std::string_view, 4> kSquashfs{"zstd", "xz", "gzip", "lz4"};
  static constexpr std::array<std::string_view, 2> kErofs{"lz4", "lzma"};
  const bool squashfs = command.options.kind == ImageKind::squashfs;
  const std::span<const std::string_view> known =
      squashfs ? std::span<const std::string_view>(kSquashfs) : kErofs;
  const std::string& compressor = command.options.compressor;
  if (!compressor.empty() && std::ranges::find(known, compressor) == known.end())
    return "--compressor " + compressor + ": must be " +
           (squashfs ? "zstd, xz, gzip or lz4 for squashfs" : "lz4 or lzma for EROFS");
  if (raw.level.empty()) return {};
  const auto level = parse_decimal(raw.level, 22);
  if (!level || *level == 0) return "--level " + raw.level + ": must be a number from 1 to 22";
  command.options.level = static_cast<std::uint32_t>(*level);
  return {};
}

}  // namespace

PackLine read_pack_options(int argc, char** argv) {
  RawLine raw;
  PackLine line;
  const std::vector<Option> options = options_into(raw, line.command);
  auto given = parse_command_line(options, {argv + 1, argv + argc});
  if (!given) return wrong(given.error());
  if (given->help) {
    std::fputs(help_text(kHelp, options).c_str(), stdout);
    line.exit_status = 0;
    return line;
  }
  raw.places = std::move(given->places);
  for (const auto step :
       {+[](RawLine& from, PackCommand& to) { return take_places(from, to); },
        +[](RawLine& from, PackCommand& to) { return take_additions(from, to); },
        +[](RawLine& from, PackCommand& to) { return take_format(from, to); },
        +[](RawLine& from, PackCommand& to) { return take_compressor(from, to); }})
    if (const std::string problem = step(raw, line.command); !problem.empty())
      return wrong(problem);
  return line;
}

}  // namespace yett
