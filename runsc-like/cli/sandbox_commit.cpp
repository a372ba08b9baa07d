// `yett commit`.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/scope_exit.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "ioctl_uapi/overlay_layers.hpp"
#include "runsc-like/cli/change_lines.hpp"
#include "runsc-like/cli/image_options.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/images/image_changes.hpp"
#include "runsc-like/images/write_layer.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"
#include "runsc-like/sandboxes/redirected_changes.hpp"
#include "runsc-like/sandboxes/root_view.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    kImageRootOption, kMaxSizeOption,
    Option{'c', "change", "CHANGE",
           "Of the configuration: 'CMD ...', 'ENV NAME=VALUE', 'WORKDIR DIR', 'USER USER'"},
    Option{0, "no-pause", "", "Let it go on running meanwhile"},
    Option{'f', "force", "", "Of a DIR: over what has changed on the host meanwhile, too"}};
constexpr OciUsage kUsage{
    "commit", "[OPTIONS] ID IMAGE[:TAG] | DIR [PATH]",
    "A new image: the one that a sandbox runs on, and what it has changed in its root, as one "
    "more\n"
    "layer. Of a root that is no imported image everything is taken. What `yett diff` shows is "
    "what\n"
    "is taken; volumes, /tmp and other mounts are no part of it, and owners are not kept.\n\n"
    "Of the fallback mode's --overlay DIR: what was redirected is written to the host, all of it "
    "or\n"
    "what is at PATH and below. Look at it first: yett diff DIR. What has changed on the host "
    "since\n"
    "the sandbox took it ends the commit before anything is written.",
    "yett commit -c 'CMD /app/serve --all' build app:2", kOptions};

// What the new image begins with.
struct Base {
  std::vector<std::string> layers;  // of the store; empty: everything is taken
  ImageConfig config;
  Owners owners = Owners::several;
};

Result<ImageConfig> config_of_container(const std::string& id) {
  YETT_TRY(const oci::ContainerDirectory directory, oci_store().open(id));
  YETT_TRY(const std::string text, directory.read_config());
  return parse_bundle_config(text, "config.json");
}

// The layers by their directories; the configuration from whichever name still has them.
Result<Base> find_base(const ImageStore& store, const oci::ContainerState& state) {
  Base base;
  if (!state.sandbox) {
    YETT_TRY(base.config, config_of_container(state.id));
    return base;
  }
  base.owners = Owners::one_user;
  base.config.command = state.sandbox->command;
  for (const StoredImage& image : store.list()) {
    if (store.layer_paths(image) != state.sandbox->layers) continue;
    base.layers = image.layers;
    base.config = image.config;
    if (image.name.text() == state.sandbox->image) break;
  }
  if (base.layers.size() == kMostLayers)
    return fail(request_error(state.sandbox->image, "has as many layers as an image can have"));
  return base;
}

// Frozen for as long as it is copied, so that the image is of one moment.
Result<bool> hold_still(const ListedSandbox& sandbox, const CommandLine& given) {
  if (sandbox.status != oci::ContainerStatus::running || given.has("no-pause")) return false;
  Status paused = oci::pause_container(oci_store(), sandbox.state.id, oci::Pause::freeze);
  if (paused) return true;
  Error error = std::move(paused).error();
  error.mend = "--no-pause lets it run on meanwhile";
  return fail(std::move(error));
}

Result<WrittenLayer> copy_changes(const std::string& id, const Base& base, const std::string& into,
                                  UnpackBounds bounds) {
  YETT_TRY(const RootView view,
           open_root_view(oci_store(), id,
                          base.layers.empty() ? RootBefore::nothing : RootBefore::image));
  YETT_TRY(const auto changes, find_changes({.before = view.before.borrow(),
                                             .after = view.after.borrow(),
                                             .mount_points = view.mount_points}));
  const UniqueFd directory(::open(into.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(errno_error("open", into));
  return write_layer(view.after.borrow(), changes, base.owners, directory.borrow(), bounds);
}

Result<StoredImage> make_image(const ImageStore& store, const ListedSandbox& sandbox, Base base,
                               const CommandLine& given) {
  YETT_TRY(const UnpackBounds bounds, bounds_of(given));
  YETT_TRY(const UniqueFd held, store.lock());
  YETT_TRY(const WorkDirectory work, WorkDirectory::make(store));
  const std::string root = work.path() + "/root";
  if (::mkdir(root.c_str(), 0755) != 0) return fail(errno_error("mkdir", root));
  YETT_TRY(const bool held_still, hold_still(sandbox, given));
  const ScopeExit let_go([&] {
    if (held_still)
      static_cast<void>(oci::pause_container(oci_store(), sandbox.state.id, oci::Pause::thaw));
  });
  YETT_TRY(const WrittenLayer layer, copy_changes(sandbox.state.id, base, root, bounds));
  YETT_CHECK(store.add_layers(
      {{.directory = root, .digest = layer.digest, .bytes = layer.unpacked.bytes}}));
  StoredImage image{.name = {},
                    .layers = std::move(base.layers),
                    .tree = {},
                    .config = std::move(base.config),
                    .bytes = 0,
                    .created = time_text_now()};
  std::erase(image.layers, layer.digest);  // it lies on top, wherever it was before
  image.layers.push_back(layer.digest);
  for (const std::string& each : image.layers) image.bytes += store.layer_bytes(each);
  YETT_TRY(image.name, parse_image_name(given.places[1]));
  YETT_CHECK(store.add_name(image));
  if (!layer.opened.empty())
    std::fprintf(stderr,
                 "yett: commit: %zu files that only the sandbox's user could read are for whoever "
                 "runs the image: %s%s\n",
                 layer.opened.size(), escape_for_terminal(layer.opened.front()).c_str(),
                 layer.opened.size() > 1 ? " and more" : "");
  if (layer.unpacked.left_out > 0)
    std::fprintf(stderr, "yett: commit: %llu devices, pipes or sockets were left out\n",
                 static_cast<unsigned long long>(layer.unpacked.left_out));
  return image;
}

Status commit(const CommandLine& given) {
  const ImageStore store = image_store_of(given);
  YETT_CHECK(parse_image_name(given.places[1]));
  YETT_TRY(const ListedSandbox sandbox, find_sandbox(oci_store(), given.places[0]));
  YETT_TRY(Base base, find_base(store, sandbox.state));
  for (const std::string& change : given.all("change"))
    YETT_CHECK(change_config(base.config, change));
  YETT_TRY(const StoredImage image, make_image(store, sandbox, std::move(base), given));
  std::printf("%s\n", image.name.text().c_str());
  return {};
}

// Before anything is written.
Status check_none_is_newer(const RedirectedChanges& kept, const std::vector<TreeChange>& changes) {
  for (const TreeChange& change : changes) {
    YETT_TRY(const bool is_newer, kept.is_newer_on_host(change));
    if (is_newer)
      return fail(host_error(change.path, "changed on the host since the sandbox took it",
                             "nothing was written; look at both, then: commit --force"));
  }
  return {};
}

// A directory comes before what is in it.
Status commit_to_host(const CommandLine& given) {
  YETT_TRY(const RedirectedChanges kept, RedirectedChanges::open(given.places[0]));
  YETT_CHECK(kept.lock());
  YETT_TRY(std::vector<TreeChange> changes, kept.find());
  if (given.places.size() > 1)
    std::erase_if(changes, [&path = given.places[1]](const TreeChange& change) {
      return change.path != path && !change.path.starts_with(path + "/");
    });
  if (!given.has("force")) YETT_CHECK(check_none_is_newer(kept, changes));
  for (const TreeChange& change : changes) {
    YETT_TRY(const std::vector<std::string> left, kept.commit(change));
    for (const std::string& path : left)
      std::fprintf(stderr, "yett: commit: %s: kept, for it has changed on the host since\n",
                   escape_for_terminal(path).c_str());
    std::fputs(change_lines({change}).c_str(), stdout);
  }
  return {};
}

}  // namespace

int sandbox_commit(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, 2)) return line.exit_status();
  const CommandLine& given = line.arguments();
  if (RedirectedChanges::is_meant(given.places[0])) return line.finish(commit_to_host(given));
  if (!line.good(2, 2)) return line.exit_status();
  return line.finish(commit(given));
}

}  // namespace yett
