// Composition: where the manifest's text comes from, by kind of image.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "sandbox/package/confined_reader.hpp"
#include "sandbox/package/image_bytes.hpp"
#include "sandbox/package/image_file.hpp"
#include "sandbox/package/manifest.hpp"
#include "sandbox/package/package.hpp"
#include "sandbox/package/superblock.hpp"

namespace yett {
namespace {

std::string manifest_path(const std::string& image) {
  return image + ":/" + std::string(kManifestName);
}

Result<PackageManifest> manifest_of(const std::string& text, const std::string& image) {
  return parse_manifest(text, manifest_path(image));
}

Result<PackageManifest> read_from_image(const std::string& path, ImageKind kind) {
  YETT_TRY(const ImageFile image, open_image_file(path));
  YETT_TRY(const ImageSummary summary, check_superblock(image));
  if (summary.kind != kind) return fail(request_error(path, "changed its kind while it was used"));
  YETT_TRY(const ReadAnswer answer, read_confined(image, kind, kManifestName, kMaxManifestBytes));
  switch (answer.outcome) {
    case ReadOutcome::absent:
      return PackageManifest{};
    case ReadOutcome::present:
      return manifest_of(answer.text, path);
    case ReadOutcome::refused:
      break;
  }
  return fail(request_error(manifest_path(path), escape_for_terminal(answer.text)));
}

Result<PackageManifest> read_from_directory(const std::string& path) {
  const UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(errno_error("open directory", path));
  // SECURITY(manifest_in_root): a link inside the directory leads nowhere outside it.
  const int opened = sys_open_in_root(root.get(), kManifestName.data(),
                                      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
  if (opened == -ENOENT) return PackageManifest{};
  if (opened < 0) return fail(errno_error(-opened, "open", manifest_path(path)));
  const UniqueFd fd(opened);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail(errno_error("stat", manifest_path(path)));
  if (!S_ISREG(status.st_mode))
    return fail(request_error(manifest_path(path), "is not a regular file"));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > kMaxManifestBytes)
    return fail(request_error(manifest_path(path),
                              "is larger than " + std::to_string(kMaxManifestBytes) + " bytes"));
  std::string text(size, '\0');
  if (!FileBytes(fd.borrow(), size).read_at(0, std::as_writable_bytes(std::span(text))))
    return fail(request_error(manifest_path(path), "changed while it was read"));
  return manifest_of(text, path);
}

}  // namespace

Result<PackageManifest> read_manifest(const std::string& path, ImageKind kind) {
  switch (kind) {
    case ImageKind::host:
      return PackageManifest{};
    case ImageKind::directory:
      return read_from_directory(path);
    case ImageKind::squashfs:
    case ImageKind::erofs:
      break;
  }
  return read_from_image(path, kind);
}

}  // namespace yett
