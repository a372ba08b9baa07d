#include "runsc-like/cli/unpacked_package.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/text.hpp"
#include "runsc-like/cli/progress_bar.hpp"
#include "runsc-like/images/archive_reader.hpp"
#include "runsc-like/images/package_cache.hpp"
#include "sandbox/host/user_namespace.hpp"
#include "sandbox/package/image_file.hpp"
#include "sandbox/package/pack/run_tool.hpp"
#include "sandbox/package/superblock.hpp"

namespace yett {
namespace {

bool mounts_images() { return ::geteuid() == 0 && in_initial_user_namespace(); }

Result<UniqueFd> open_directory(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(errno_error("open", path));
  return directory;
}

Status fill_from_squashfs(UniqueFd image, const std::string& name, std::uint64_t entries,
                          const std::string& into) {
  YETT_TRY(ArchiveReader archive, ArchiveReader::open_squashfs(std::move(image), name));
  YETT_TRY(const UniqueFd root, open_directory(into));
  UnpackBounds bounds;
  ProgressBar bar("unpack " + escape_for_terminal(name), ProgressUnit::entries);
  const auto show = [&bar, entries](std::uint64_t done, std::uint64_t) { bar.show(done, entries); };
  YETT_CHECK(unpack_archive(archive, root.borrow(), Whiteouts::plain_files, bounds, show));
  return {};
}

// A copy that has a name, for another program.
Status write_to(const std::string& path, const UniqueFd& from) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400));
  if (!file.valid()) return fail(errno_error("create", path));
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  for (ssize_t sent = 1; sent > 0;) {
    sent = ::sendfile(file.get(), from.get(), nullptr, kPiece);
    if (sent < 0) return fail(errno_error("copy", path));
  }
  return {};
}

// EROFS is unpacked by its own tool, in a sandbox that is given
// the image to read and the directory to fill, and nothing else.
Status fill_from_erofs(const UniqueFd& image, const std::string& name, const std::string& into) {
  const std::string copy = into + ".erofs";
  YETT_CHECK(write_to(copy, image));
  const auto outcome = run_tool(
      {"/proc/self/exe", "run", "--policy", "plugin", "-m", "1G", "--time", "30m", "-v",
       copy + ":/image:ro", "-v", into + ":/unpacked", "--", "fsck.erofs", "--extract=/unpacked",
       "--overwrite", "--no-preserve-owner", "--preserve-perms", "/image"},
      "", [](std::string_view) {});
  ::unlink(copy.c_str());
  YETT_TRY(const UniqueFd root, open_directory(into));
  YETT_CHECK(let_owner_in(root.borrow()));
  if (!outcome) return fail(outcome.error());
  if (outcome->exit_status == 127)
    return fail(host_error(name, "fsck.erofs is missing, which unpacks it for a user without root",
                           "apt install erofs-utils, or make a .sqfs package"));
  if (outcome->exit_status != 0)
    return fail(
        request_error(name, "cannot be unpacked: " + escape_for_terminal(outcome->last_lines)));
  return {};
}

}  // namespace

Result<UniqueFd> unpack_where_mounts_are_refused(SandboxRequest& request, Unpacking when) {
  const bool is_squashfs = request.image_kind == ImageKind::squashfs;
  if ((!is_squashfs && request.image_kind != ImageKind::erofs) || mounts_images() ||
      request.mode == Mode::full)
    return UniqueFd();
  YETT_TRY(const ImageFile image, open_image_file(request.image_path));
  YETT_TRY(const ImageSummary summary, check_superblock(image));
  if (summary.kind != request.image_kind)
    return fail(request_error(request.image_path, "changed its kind while it was used"));
  YETT_TRY(const PackageCache cache, PackageCache::open());
  const std::string name = request.image_path.substr(request.image_path.rfind('/') + 1);
  const auto fill = [&](UniqueFd copy, const std::string& into) {
    return is_squashfs ? fill_from_squashfs(std::move(copy), name, summary.inode_count, into)
                       : fill_from_erofs(copy, name, into);
  };
  request.image_kind = ImageKind::directory;
  if (when == Unpacking::not_yet) {
    YETT_TRY(request.image_path, cache.place_of(image));
    return UniqueFd();
  }
  YETT_TRY(CachedPackage package, cache.use(image, fill));
  request.image_path = std::move(package.directory);
  return std::move(package.in_use);
}

}  // namespace yett
