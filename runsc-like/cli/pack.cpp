#include "runsc-like/cli/pack.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "runsc-like/cli/input_file.hpp"
#include "runsc-like/cli/pack_options.hpp"
#include "runsc-like/cli/print_error.hpp"
#include "runsc-like/cli/progress_bar.hpp"
#include "sandbox/package/manifest.hpp"
#include "sandbox/package/pack/host_programs.hpp"
#include "sandbox/package/pack/pack_image.hpp"
#include "sandbox/package/pack/pack_tree.hpp"

namespace yett {
namespace {

constexpr const char* kManifestPath = "/yett.toml";

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// The manifest for --command, or for programs of the host packed without one: the first of them.
Result<std::string> made_up_manifest(const PackCommand& command) {
  std::vector<std::string> words{command.programs.empty() ? "" : command.programs[0]};
  if (!command.command.empty()) {
    auto split = split_command(command.command);
    if (!split) return fail(request_error("--command", split.error().message()));
    words = std::move(*split);
  }
  std::string text = "command = [";
  for (const std::string& word : words) text += (text.back() == '[' ? "" : ", ") + quoted(word);
  return text + "]\n";
}

Status add_manifest(PackTree& tree, const PackCommand& command) {
  if (!command.manifest_file.empty()) {
    YETT_TRY(std::string text, read_input_file(command.manifest_file, kMaxManifestBytes));
    YETT_CHECK(parse_manifest(text, command.manifest_file));
    return tree.add_content(kManifestPath, std::move(text));
  }
  const PackNode* own = tree.find(kManifestPath);
  if (!command.command.empty() && own != nullptr)
    return fail(request_error(command.directory + kManifestPath, "names the command already",
                              "leave --command out, or give another file with --manifest"));
  if (own != nullptr) {
    if (own->type != NodeType::regular)
      return fail(request_error(kManifestPath, "must be a regular file"));
    YETT_TRY(const std::string text, read_input_file(own->host_path, kMaxManifestBytes));
    YETT_CHECK(parse_manifest(text, own->host_path));
    return {};
  }
  if (command.command.empty() && command.programs.empty()) return {};
  YETT_TRY(std::string text, made_up_manifest(command));
  YETT_CHECK(parse_manifest(text, "--command"));
  return tree.add_content(kManifestPath, std::move(text));
}

Result<PackTree> make_tree(const PackCommand& command, HostProgramNotes& notes) {
  PackTree tree;
  if (!command.programs.empty()) YETT_CHECK(add_host_programs(tree, command.programs, notes));
  if (!command.directory.empty()) YETT_CHECK(tree.add_directory(command.directory, "/"));
  for (const PackAddition& addition : command.additions)
    YETT_CHECK(tree.add(addition.source, addition.destination));
  YETT_CHECK(add_manifest(tree, command));
  return tree;
}

// SOURCE_DATE_EPOCH: https://reproducible-builds.org/specs/source-date-epoch/
Result<std::optional<std::int64_t>> latest_time() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr) return std::nullopt;
  const auto seconds = parse_decimal(text, UINT32_MAX);
  if (!seconds)
    return fail(request_error("SOURCE_DATE_EPOCH",
                              "must be seconds since 1970, not '" + std::string(text) + "'"));
  return static_cast<std::int64_t>(*seconds);
}

void print_notes(const PackNotes& notes, const HostProgramNotes& host) {
  const auto note = [](std::uint64_t count, const std::string& example, const char* what) {
    if (count == 0) return;
    std::fputs(fmt::format("note: {} {}, {}\n", count, what, escape_for_terminal(example)).c_str(),
               stderr);
  };
  note(notes.set_id_files, notes.set_id_example, "set-uid or set-gid bits dropped, e.g. of");
  note(notes.special_files, notes.special_example, "devices, sockets or FIFOs left out, e.g.");
  note(notes.owner_only_files, notes.owner_only_example,
       "files that only their owner may read; the app's user cannot, e.g.");
  if (!host.missing_libraries.empty())
    note(host.missing_libraries.size(), host.missing_libraries[0],
         "libraries not found on this host, e.g.");
  if (!host.skipped_scripts.empty())
    note(host.skipped_scripts.size(), host.skipped_scripts[0],
         "scripts packed without their interpreter (add it with --from-host), e.g.");
}

Status print_summary(const PackCommand& command, const PackTotals& totals) {
  const std::string& output = command.options.output;
  struct stat status{};
  if (::stat(output.c_str(), &status) != 0) return fail(errno_error("stat", output));
  YETT_TRY(const std::string digest, digest_file(output));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const double smaller =
      totals.bytes == 0
          ? 0.0
          : 100.0 * (1.0 - static_cast<double>(size) / static_cast<double>(totals.bytes));
  std::fputs(fmt::format("{}: {} files, {} directories, {} links\n"
                         "  {} of files in {}: {:.1f} % smaller\n"
                         "  sha256 {}\n",
                         output, totals.files, totals.directories, totals.links,
                         format_size(totals.bytes), format_size(size), smaller, digest)
                 .c_str(),
             stdout);
  return {};
}

Status pack(PackCommand& command) {
  HostProgramNotes host_notes;
  YETT_TRY(const std::optional<std::int64_t> latest, latest_time());
  YETT_TRY(PackTree tree, make_tree(command, host_notes));
  if (latest) tree.clamp_times(*latest);
  const PackTotals totals = tree.totals();
  command.options.image_time = latest.value_or(totals.newest);
  {
    ProgressBar bar("packing");
    const auto progress = [&](std::uint64_t done, std::uint64_t total) {
      if (!command.quiet) bar.show(done, total);
    };
    YETT_CHECK(pack_image(tree, command.options, progress));
  }
  if (command.quiet) return {};
  print_notes(tree.notes(), host_notes);
  return print_summary(command, totals);
}

}  // namespace

int run_pack(int argc, char** argv) {
  PackLine line = read_pack_options(argc, argv);
  if (line.exit_status) return *line.exit_status;
  const Status status = pack(line.command);
  return status ? 0 : print_error("pack", status.error(), 1);
}

}  // namespace yett
