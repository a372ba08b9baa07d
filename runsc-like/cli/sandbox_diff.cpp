// `yett diff`.
#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "runsc-like/cli/change_lines.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/images/tree_changes.hpp"
#include "runsc-like/oci/state/json_writer.hpp"
#include "runsc-like/sandboxes/redirected_changes.hpp"
#include "runsc-like/sandboxes/root_view.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{Option{'f', "format", "FORMAT", "table (default) or json"}};
constexpr OciUsage kUsage{
    "diff", "[OPTIONS] ID|DIR",
    "What a sandbox or container has changed in its root: A is added, C changed, D deleted.\n\n"
    "Volumes, /tmp and other places that are mounts of their own are no part of the root. Of one\n"
    "that has ended the changes are there when it was run with --overlay DIR. Of the fallback "
    "mode,\n"
    "which has no root of its own, name that directory: a path with a slash.",
    "yett run -d --name build --policy container app:1 && yett diff build", kOptions};

struct KindName {
  ChangeKind kind;
  char letter;
  const char* word;
};
constexpr std::array kKinds{KindName{ChangeKind::changed, 'C', "changed"},
                            KindName{ChangeKind::added, 'A', "added"},
                            KindName{ChangeKind::deleted, 'D', "deleted"}};

// As podman writes it: a list of paths for each kind.
std::string as_json(const std::vector<TreeChange>& changes) {
  oci::JsonWriter json;
  json.begin_object();
  for (const KindName& name : kKinds) {
    json.key(name.word).begin_array();
    for (const TreeChange& change : changes)
      if (change.kind == name.kind) json.value(change.path);
    json.end_array();
  }
  return json.end_object().text() + "\n";
}

struct Difference {
  std::vector<TreeChange> changes;
  bool read_only = false;
};

Result<Difference> find_difference(const std::string& which) {
  Difference found;
  if (RedirectedChanges::is_meant(which)) {
    YETT_TRY(const RedirectedChanges kept, RedirectedChanges::open(which));
    YETT_TRY(found.changes, kept.find());
    return found;
  }
  YETT_TRY(const RootView view, open_root_view(oci_store(), which, RootBefore::image));
  YETT_TRY(found.changes, find_changes({.before = view.before.borrow(),
                                        .after = view.after.borrow(),
                                        .mount_points = view.mount_points}));
  found.read_only = view.read_only;
  return found;
}

Status diff(const CommandLine& given) {
  const std::string format = given.value("format", "table");
  if (format != "table" && format != "json")
    return fail(request_error("--format", "is " + format, "table or json"));
  const std::string& id = given.places.front();
  YETT_TRY(const Difference found, find_difference(id));
  const std::string text = format == "json" ? as_json(found.changes) : change_lines(found.changes);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (found.changes.empty() && found.read_only)
    std::fprintf(stderr, "yett: diff: %s: its root is read-only by its policy\n", id.c_str());
  return {};
}

}  // namespace

std::string change_lines(const std::vector<TreeChange>& changes) {
  std::string text;
  for (const TreeChange& change : changes)
    for (const KindName& name : kKinds)
      if (name.kind == change.kind)
        text += std::string{name.letter, ' '} + escape_for_terminal(change.path) + "\n";
  return text;
}

int sandbox_diff(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(diff(line.arguments()));
}

}  // namespace yett
