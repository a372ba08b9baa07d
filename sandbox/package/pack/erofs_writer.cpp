#include "sandbox/package/pack/erofs_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/package/manifest.hpp"
#include "sandbox/package/pack/run_tool.hpp"
#include "sandbox/package/pack/staging.hpp"

namespace yett {
namespace {

// One for all: an image's identity is its content, and two runs must give the same bytes.
constexpr const char* kUuid = "79657474-7061-636b-8000-000000000000";

std::size_t count_of(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

// The first complaint of mkfs.erofs, on one line: those behind it say that it gave up.
std::string complaint(const std::string& output) {
  std::string_view rest = output;
  while (!rest.empty()) {
    const auto end = std::min(rest.find_first_of("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.starts_with("<E>")) return escape_for_terminal(line);
  }
  return {};
}

// mkfs.erofs reads how to compress which file from a file.
Result<std::string> write_hints(const std::string& directory) {
  const std::string path = directory + "/hints";
  const std::string text = "0 ^yett\\.toml$\n";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return fail(errno_error("create", path));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", path));
  return path;
}

bool is_lz4(const PackOptions& options) {
  return options.compressor.empty() || options.compressor == "lz4";
}

// The compressor of lz4 that takes its time is called lz4hc; 12 is its highest level.
std::string compressor_for(const PackOptions& options) {
  const std::string level = options.level != 0 ? "," + std::to_string(options.level) : "";
  if (is_lz4(options)) return "-zlz4hc" + (level.empty() ? ",12" : level);
  return "-z" + options.compressor + level;
}

std::vector<std::string> arguments_for(const PackOptions& options, const std::string& hints,
                                       const std::string& partial, const std::string& tree) {
  return {"mkfs.erofs",
          compressor_for(options),
          "-C65536",
          "-Eztailpacking",
          "-x-1",  // no extended attributes: no file capabilities, no access lists
          "--all-root",
          std::string("-U") + kUuid,
          "-T" + std::to_string(options.image_time),
          "--preserve-mtime",
          "--compress-hints=" + hints,
          partial,
          tree};
}

}  // namespace

Status write_erofs(const PackTree& tree, const PackOptions& options, const std::string& partial,
                   const PackProgress& progress) {
  const PackTotals totals = tree.totals();
  const std::uint64_t nodes = totals.files + totals.directories + totals.links;
  YETT_TRY(const StagingDirectory staging, StagingDirectory::make(options.output + ".staging."));
  YETT_CHECK(staging.lay_out(tree, "tree"));
  YETT_TRY(const std::string hints, write_hints(staging.path()));
  std::uint64_t seen = 0;
  const auto on_output = [&](std::string_view text) {
    seen = std::min<std::uint64_t>(seen + count_of(text, "Processing"), nodes);
    if (progress) progress(totals.bytes * seen / nodes, totals.bytes);
  };
  YETT_TRY(const ToolOutcome outcome,
           run_tool(arguments_for(options, hints, partial, staging.path() + "/tree"),
                    "install it: apt install erofs-utils; or make a .sqfs package", on_output));
  if (outcome.exit_status == 0) return {};
  Error error = request_error(options.output, complaint(outcome.last_lines));
  if (!is_lz4(options))
    error.mend = "Debian 12's mkfs.erofs is built with lz4 only; erofs-utils 1.7 knows lzma too";
  error.kind = ErrorKind::system;
  error.operation = "mkfs.erofs ended with " + std::to_string(outcome.exit_status);
  return fail(std::move(error));
}

}  // namespace yett
