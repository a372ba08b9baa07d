#include "sandbox/package/pack/library_search.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/unique_fd.hpp"
#include "sandbox/package/image_bytes.hpp"

namespace yett {
namespace {

constexpr const char* kCachePath = "/etc/ld.so.cache";
constexpr std::string_view kCacheMagic = "glibc-ld.so.cache1.1";
constexpr std::int32_t kElf64X86 = 0x0303;  // FLAG_X8664_LIB64 | FLAG_ELF_LIBC6
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kEntryBytes = 24;
constexpr std::array<const char*, 6> kDefaultPlaces{"/lib/x86_64-linux-gnu",
                                                    "/usr/lib/x86_64-linux-gnu",
                                                    "/lib64",
                                                    "/usr/lib64",
                                                    "/lib",
                                                    "/usr/lib"};

template <typename Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number value = 0;
  if (offset + sizeof value <= bytes.size())
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string string_at(std::string_view bytes, std::size_t offset) {
  if (offset >= bytes.size()) return {};
  const std::string_view rest = bytes.substr(offset);
  return std::string(rest.substr(0, rest.find('\0')));
}

bool is_file(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string with_origin(std::string directory, const std::string& asker) {
  const std::string origin = asker.substr(0, asker.rfind('/'));
  for (const std::string_view word : {"${ORIGIN}", "$ORIGIN"})
    for (auto at = directory.find(word); at != std::string::npos; at = directory.find(word))
      directory.replace(at, word.size(), origin);
  return directory;
}

}  // namespace

LibrarySearch::LibrarySearch(std::string_view cache) {
  // Older systems put the old format first; the new one then follows it, aligned.
  const auto begin = cache.find(kCacheMagic);
  if (begin == std::string_view::npos) return;
  cache.remove_prefix(begin);
  const auto count = number_at<std::uint32_t>(cache, 20);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t at = kHeaderBytes + i * kEntryBytes;
    if (at + kEntryBytes > cache.size()) return;
    const auto capabilities = number_at<std::uint64_t>(cache, at + 16);
    if (number_at<std::int32_t>(cache, at) != kElf64X86 || capabilities != 0) continue;
    std::string name = string_at(cache, number_at<std::uint32_t>(cache, at + 4));
    std::string path = string_at(cache, number_at<std::uint32_t>(cache, at + 8));
    if (!name.empty() && path.starts_with('/')) cache_.emplace(std::move(name), std::move(path));
  }
}

LibrarySearch LibrarySearch::of_host() {
  const UniqueFd fd(::open(kCachePath, O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) return LibrarySearch("");
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  const FileBytes bytes(fd.borrow(), content.size());
  if (!bytes.read_at(0, std::as_writable_bytes(std::span(content)))) content.clear();
  return LibrarySearch(content);
}

std::optional<std::string> LibrarySearch::find(const std::string& name, const std::string& asker,
                                               const std::vector<std::string>& run_path) const {
  if (name.find('/') != std::string::npos)
    return is_file(name) ? std::optional(name) : std::nullopt;
  for (const std::string& directory : run_path) {
    std::string path = with_origin(directory, asker) + "/" + name;
    if (is_file(path)) return path;
  }
  if (const auto cached = cache_.find(name); cached != cache_.end() && is_file(cached->second))
    return cached->second;
  for (const char* place : kDefaultPlaces) {
    std::string path = std::string(place) + "/" + name;
    if (is_file(path)) return path;
  }
  return std::nullopt;
}

}  // namespace yett
