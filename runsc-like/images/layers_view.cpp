#include "runsc-like/images/layers_view.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "ioctl_uapi/mount_api.hpp"
#include "ioctl_uapi/overlay_layers.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kHarmless =
    mount_flags::kReadOnly | mount_flags::kNoSuid | mount_flags::kNoDev | mount_flags::kNoExec;

Error not_mounted(int result) { return errno_error(-result, "overlay", "the image's layers"); }

Result<UniqueFd> created(UniqueFd context, std::uint64_t attributes) {
  int result = sys_fsconfig_create(context.get());
  if (result >= 0) result = sys_fsmount(context.get(), attributes);
  if (result < 0) return fail(not_mounted(result));
  return UniqueFd(result);
}

Result<UniqueFd> open_context(const char* filesystem) {
  UniqueFd context(sys_fsopen(filesystem));
  if (!context.valid()) return fail(not_mounted(context.get()));
  return context;
}

// For the links' names: a file system in memory that nobody else sees.
Result<UniqueFd> make_names() {
  YETT_TRY(UniqueFd context, open_context("tmpfs"));
  return created(std::move(context), mount_flags::kNoSuid | mount_flags::kNoDev);
}

Result<UniqueFd> make_overlay(const std::vector<std::string>& bottom_first) {
  YETT_TRY(const UniqueFd names, make_names());
  YETT_TRY(UniqueFd context, open_context("overlay"));
  std::vector<const char*> paths;
  for (const std::string& path : bottom_first) paths.push_back(path.c_str());
  int result = sys_fsconfig_layers(context.get(), names.get(), paths);
  // As the sandbox's own overlay is mounted: no attribute of a layer leads elsewhere.
  if (result >= 0) result = sys_fsconfig_string(context.get(), "redirect_dir", "nofollow");
  if (result >= 0) result = sys_fsconfig_string(context.get(), "metacopy", "off");
  if (result >= 0) result = sys_fsconfig_string(context.get(), "index", "off");
  if (result < 0) return fail(not_mounted(result));
  return created(std::move(context), kHarmless);
}

}  // namespace

Result<UniqueFd> open_layers(const std::vector<std::string>& bottom_first) {
  if (bottom_first.size() == 1) {
    UniqueFd directory(::open(bottom_first.front().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.valid()) return fail(errno_error("open", bottom_first.front()));
    return directory;
  }
  const UniqueFd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!here.valid()) return fail(errno_error("open", "the working directory"));
  auto overlay = make_overlay(bottom_first);
  if (::fchdir(here.get()) != 0) return fail(errno_error("chdir", "back"));
  return overlay;
}

}  // namespace yett
