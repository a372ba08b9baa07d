#include "runsc-like/sandboxes/root_view.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.hpp"
#include "runsc-like/images/layers_view.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/sandboxes/list_sandboxes.hpp"
#include "runsc-like/sandboxes/overlay_mount.hpp"
#include "sandbox/package/package.hpp"

namespace yett {
namespace {

Result<UniqueFd> open_directory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(errno_error("open", path));
  return directory;
}

bool is_overlay(BorrowedFd root) {
  struct statfs status{};
  return ::fstatfs(root.get(), &status) == 0 && status.f_type == OVERLAYFS_SUPER_MAGIC;
}

bool is_read_only(BorrowedFd root) {
  struct statvfs status{};
  return ::fstatvfs(root.get(), &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

Result<UniqueFd> open_image(const oci::SandboxFacts& facts) {
  if (facts.layers.size() == 1) {
    YETT_TRY(const ImageKind kind, detect_image(facts.layers.front()));
    if (kind != ImageKind::directory) {
      YETT_TRY(const DetachedMount mount, mount_image(facts.layers.front(), kind));
      return UniqueFd(::fcntl(mount.fd().get(), F_DUPFD_CLOEXEC, 3));
    }
  }
  return open_layers(facts.layers);
}

// The root as its process sees it; a process of another with the same number has another start
// time.
Result<UniqueFd> open_live_root(const oci::ContainerState& state) {
  YETT_TRY(const UniqueFd process, oci::open_container_process(state));
  YETT_TRY(UniqueFd root, open_directory("/proc/" + std::to_string(state.pid) + "/root"));
  YETT_CHECK(oci::open_container_process(state));
  if (is_overlay(root.borrow())) return root;
  return fail(request_error(state.id, "its root is no overlay, so nothing tells what was there",
                            "run an image: yett run IMAGE"));
}

// What --overlay has kept, over the image, as the sandbox saw it.
Result<UniqueFd> open_kept_root(const oci::SandboxFacts& facts) {
  std::vector<std::string> layers = facts.layers;
  layers.push_back(facts.overlay + "/upper");
  return open_layers(layers);
}

Result<RootView> view_of_sandbox(const ListedSandbox& sandbox, RootBefore before) {
  const oci::SandboxFacts& facts = *sandbox.state.sandbox;
  const std::string& id = sandbox.state.id;
  if (facts.layers.empty())
    return fail(request_error(id, "it has no image: of the host it can change nothing",
                              "what it wrote lies in its volumes"));
  RootView view{.before = {}, .after = {}, .mount_points = facts.mounts, .read_only = false};
  if (is_alive(sandbox.status)) {
    YETT_TRY(view.after, open_live_root(sandbox.state));
    view.read_only = is_read_only(view.after.borrow());
  } else if (facts.overlay.empty()) {
    return fail(request_error(id, "it has ended, and what it wrote was in memory and went with it",
                              "run it with --overlay DIR to keep that"));
  } else {
    YETT_TRY(view.after, open_kept_root(facts));
  }
  if (before == RootBefore::nothing) return view;
  YETT_TRY(view.before, open_image(facts));
  return view;
}

Result<RootView> view_of_container(const oci::ContainerStore& store,
                                   const oci::ContainerState& state, RootBefore before) {
  const auto mount = find_overlay_mount(state.root);
  if (!mount && before == RootBefore::image)
    return fail(request_error(state.id,
                              "its root " + state.root +
                                  " is a plain directory, so "
                                  "nothing tells what was there before",
                              "its engine may know: docker diff, podman diff"));
  YETT_TRY(const oci::ContainerDirectory directory, store.open(state.id));
  YETT_TRY(const std::string text, directory.read_config());
  YETT_TRY(const oci::Config config, oci::parse_config(text, "config.json"));
  RootView view{.before = {}, .after = {}, .mount_points = {}, .read_only = false};
  for (const oci::Mount& each : config.mounts)
    view.mount_points.push_back(each.destination.starts_with('/') ? each.destination
                                                                  : "/" + each.destination);
  YETT_TRY(view.after, open_directory(state.root));
  if (before == RootBefore::nothing) return view;
  YETT_TRY(view.before, open_layers(mount->lowers));
  return view;
}

}  // namespace

Result<RootView> open_root_view(const oci::ContainerStore& store, const std::string& id,
                                RootBefore before) {
  YETT_TRY(const ListedSandbox sandbox, find_sandbox(store, id));
  return sandbox.state.sandbox ? view_of_sandbox(sandbox, before)
                               : view_of_container(store, sandbox.state, before);
}

}  // namespace yett
