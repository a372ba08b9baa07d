#include "runsc-like/images/package_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/image_files.hpp"
#include "runsc-like/images/tree_stamp.hpp"

namespace yett {
namespace {

constexpr std::uint64_t kMostCached = std::uint64_t{16} << 30;
constexpr std::size_t kMostKnown = 1000;

Result<std::string> cache_directory() {
  const auto absolute = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && value[0] == '/' ? std::string(value) : std::string();
  };
  if (const std::string base = absolute("XDG_CACHE_HOME"); !base.empty()) return base + "/yett";
  if (const std::string home = absolute("HOME"); !home.empty()) return home + "/.cache/yett";
  return fail(
      host_error("package", "there is no place to unpack it in", "set HOME or XDG_CACHE_HOME"));
}

// SECURITY(cache-owner): nobody else chooses what is run from there.
Status check_owner(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return fail(errno_error("look at", path));
  if (!S_ISDIR(found.st_mode))
    return fail(host_error(path, "is no directory", "remove it; yett makes it anew"));
  if (found.st_uid != ::geteuid())
    return fail(host_error(path, "belongs to uid " + std::to_string(found.st_uid),
                           "remove it; yett makes it anew"));
  if ((found.st_mode & 077) != 0)
    return fail(host_error(path, "others may enter it", "chmod 700 " + path));
  return {};
}

std::string text_of_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string text(1024, '\0');
  const ssize_t got = file.valid() ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

Status write_file(const std::string& path, const std::string& text) {
  const UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid() ||
      ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", path));
  return {};
}

std::string facts_of(const struct stat& status) {
  std::string text;
  for (const std::int64_t fact :
       {static_cast<std::int64_t>(status.st_size), std::int64_t{status.st_mtim.tv_sec},
        std::int64_t{status.st_mtim.tv_nsec}, std::int64_t{status.st_ctim.tv_sec},
        std::int64_t{status.st_ctim.tv_nsec}})
    text += std::to_string(fact) + " ";
  return text;
}

// Who changes a file in the very tick in which it was looked at leaves its times as they are, and
// a stranger may do so on purpose.
bool may_be_remembered(const struct stat& status) {
  constexpr std::int64_t kSettled = 2;
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return (status.st_uid == ::geteuid() || status.st_uid == 0) &&
         status.st_ctim.tv_sec + kSettled < now.tv_sec;
}

void forget_all(const std::string& directory) {
  const UniqueFd known(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!known.valid()) return;
  const std::vector<std::string> names =
      names_in(known.borrow()).value_or(std::vector<std::string>());
  if (names.size() <= kMostKnown) return;
  for (const std::string& name : names) ::unlinkat(known.get(), name.c_str(), 0);
}

Result<TreeStamp> stamp_of(const std::string& directory) {
  const UniqueFd top(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!top.valid()) return fail(errno_error("open", directory));
  return stamp_tree(top.borrow());
}

// The same file, to be read from its beginning.
Result<UniqueFd> opened_again(const ImageFile& image) {
  UniqueFd again(::open(("/proc/self/fd/" + std::to_string(image.fd.get())).c_str(),
                        O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!again.valid()) return fail(errno_error("open", image.path));
  return again;
}

}  // namespace

Result<PackageCache> PackageCache::open() {
  YETT_TRY(const std::string path, cache_directory());
  ImageStore store(path);
  if (::access(path.c_str(), F_OK) == 0) YETT_CHECK(check_owner(path));
  YETT_CHECK(store.lock());
  YETT_CHECK(check_owner(path));
  if (::mkdir((path + "/known").c_str(), 0700) != 0 && errno != EEXIST)
    return fail(errno_error("mkdir", path + "/known"));
  return PackageCache(std::move(store));
}

Result<std::string> PackageCache::digest_of(const ImageFile& image) const {
  struct stat status{};
  if (::fstat(image.fd.get(), &status) != 0) return fail(errno_error("look at", image.path));
  const std::string directory = store_.root() + "/known";
  const std::string known =
      directory + "/" + std::to_string(status.st_dev) + "-" + std::to_string(status.st_ino);
  const std::string facts = facts_of(status);
  constexpr std::size_t kDigits = 64;
  const bool settled = may_be_remembered(status);
  if (const std::string text = settled ? text_of_file(known) : "";
      text.size() == facts.size() + kDigits && text.starts_with(facts))
    return text.substr(facts.size());
  YETT_TRY(const UniqueFd file, opened_again(image));
  YETT_TRY(const std::string digest, hash_file(file, image.path));
  forget_all(directory);
  if (settled) YETT_CHECK(write_file(known, facts + digest));
  return digest;
}

Result<std::string> PackageCache::place_of(const ImageFile& image) const {
  YETT_TRY(const std::string digest, digest_of(image));
  return store_.layer_path(digest);
}

// SECURITY(cached-package-unchanged): what was changed since it was unpacked is not run.
Result<CachedPackage> PackageCache::take(const std::string& digest) const {
  const std::string directory = store_.layer_path(digest);
  YETT_TRY(UniqueFd held, store_.hold_layer(digest));
  const std::string home = directory.substr(0, directory.rfind('/'));
  YETT_TRY(const TreeStamp stamp, stamp_of(directory));
  if (text_of_file(home + "/stamp") != stamp.digest)
    return fail(request_error(directory, "was changed since it was unpacked"));
  ::utimensat(AT_FDCWD, (home + "/bytes").c_str(), nullptr, 0);
  return CachedPackage{.directory = directory, .in_use = std::move(held)};
}

Result<std::string> PackageCache::unpack(const ImageFile& image, const FillDirectory& fill) const {
  YETT_TRY(const WorkDirectory work, WorkDirectory::make(store_));
  // What was hashed is what is unpacked: a stranger's file may change between two looks at it.
  YETT_TRY(const UniqueFd file, opened_again(image));
  YETT_TRY(HashedFile copy, copy_and_hash(file, image.path, work.path(), kMostCached));
  if (store_.has_layer(copy.digest)) {
    YETT_TRY(const bool removed, store_.remove_layer(copy.digest));
    if (!removed)
      return fail(request_error(store_.layer_path(copy.digest),
                                "was changed since it was unpacked, and a sandbox uses it",
                                "stop that one"));
  }
  const std::string root = work.path() + "/root";
  if (::mkdir(root.c_str(), 0755) != 0) return fail(errno_error("mkdir", root));
  YETT_CHECK(fill(std::move(copy.file), root));
  YETT_TRY(const TreeStamp stamp, stamp_of(root));
  const std::string place = store_.layer_path(copy.digest);
  const std::string home = place.substr(0, place.rfind('/'));
  if (::mkdir(home.c_str(), 0755) != 0 && errno != EEXIST) return fail(errno_error("mkdir", home));
  YETT_CHECK(write_file(home + "/stamp", stamp.digest));
  YETT_CHECK(store_.add_layers({{.directory = root, .digest = copy.digest, .bytes = stamp.bytes}}));
  return copy.digest;
}

// What has not been used for the longest time goes first.
void PackageCache::make_room() const {
  struct Layer {
    std::int64_t used = 0;
    std::uint64_t bytes = 0;
    std::string digest;
  };
  std::vector<Layer> layers;
  std::uint64_t sum = 0;
  const std::string directory = store_.root() + "/layers";
  const UniqueFd top(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top.valid()) return;
  const std::vector<std::string> digests =
      names_in(top.borrow()).value_or(std::vector<std::string>());
  for (const std::string& digest : digests) {
    struct stat status{};
    ::stat((directory + "/" + digest + "/bytes").c_str(), &status);
    layers.push_back({status.st_mtim.tv_sec, store_.layer_bytes(digest), digest});
    sum += layers.back().bytes;
  }
  std::ranges::sort(layers, {}, &Layer::used);
  for (const Layer& layer : layers) {
    if (sum <= kMostCached) return;
    if (const auto removed = store_.remove_layer(layer.digest); removed && *removed)
      sum -= layer.bytes;
  }
}

Result<CachedPackage> PackageCache::use(const ImageFile& image, const FillDirectory& fill) const {
  YETT_TRY(const std::string digest, digest_of(image));
  if (auto ready = take(digest)) return ready;
  YETT_TRY(const UniqueFd locked, store_.lock());
  if (auto ready = take(digest)) return ready;  // by another, meanwhile
  YETT_TRY(const std::string fresh, unpack(image, fill));
  auto package = take(fresh);
  make_room();
  return package;
}

}  // namespace yett
