#include "runsc-like/cli/pack_options.hpp"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <string_view>
#include <thread>

#include "base/text.hpp"

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

struct RawLine {
  std::vector<std::string> places;
  std::vector<std::string> from_host;
  std::vector<std::string> additions;
  std::string format;
  bool force = false;
  std::string block_size;
};

void add_options(CLI::App& app, RawLine& raw, PackCommand& command) {
  app.add_option("DIR OUT", raw.places, "directory to pack, and the package to make")->required();
  app.add_option("--from-host", raw.from_host, "program of this host, by name or path; repeatable")
      ->type_name("PROG")
      ->allow_extra_args(false);
  app.add_option("--add", raw.additions, "host file or directory SRC at DST inside; repeatable")
      ->type_name("SRC:DST")
      ->allow_extra_args(false);
  app.add_option("--command", command.command, "what `yett run OUT` runs, as one line")
      ->type_name("LINE");
  app.add_option("--manifest", command.manifest_file, "becomes /yett.toml of the package")
      ->type_name("FILE");
  app.add_flag("-f,--force", raw.force, "overwrite OUT");
  app.add_flag("-q,--quiet", command.quiet, "no progress and no summary");
  app.add_option("--format", raw.format, "instead of by OUT's name")
      ->check(CLI::IsMember({"squashfs", "erofs"}));
  app.add_option("--compressor", command.options.compressor, "of squashfs (default: zstd)")
      ->check(CLI::IsMember({"zstd", "xz", "gzip", "lz4"}));
  app.add_option("--level", command.options.level, "of the compressor")->check(CLI::Range(1, 22));
  app.add_option("--block-size", raw.block_size, "of squashfs, 4K to 1M (default: 128K)")
      ->type_name("SIZE");
}

std::string usage(const std::string& what) {
  std::fprintf(stderr, "yett: pack: %s (see: yett pack --help)\n",
               escape_for_terminal(what).c_str());
  return {};
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

}  // namespace

PackLine read_pack_options(int argc, char** argv) {
  CLI::App app(kDescription, "yett pack");
  app.footer(kExamples);
  RawLine raw;
  PackLine line;
  add_options(app, raw, line.command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    line.exit_status = 0;
    return line;
  } catch (const CLI::ParseError& error) {
    usage(error.what());
    line.exit_status = 2;
    return line;
  }
  for (const auto step : {+[](RawLine& from, PackCommand& to) { return take_places(from, to); },
                          +[](RawLine& from, PackCommand& to) { return take_additions(from, to); },
                          +[](RawLine& from, PackCommand& to) { return take_format(from, to); }}) {
    const std::string wrong = step(raw, line.command);
    if (wrong.empty()) continue;
    usage(wrong);
    line.exit_status = 2;
    return line;
  }
  return line;
}

}  // namespace yett
