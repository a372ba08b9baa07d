#include "supervisor/trace/tracee.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMostFrames = 32;

// "/a/b/../c" without looking at links: the last resort, for what is not there.
std::string lexical(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string text;
  for (const std::string_view part : parts) text.append("/").append(part);
  return text.empty() ? "/" : text;
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> text{};
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

UniqueFd open_below(const UniqueFd& root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
}

// As the sandbox names it: the kernel gives the path in the mount namespace that it lies in.
std::string name_of(const UniqueFd& file) {
  return read_link(fmt::format("/proc/self/fd/{}", file.get()));
}

// Follows what exists of a path: the file itself, else its directory.
std::string followed(const UniqueFd& root, const std::string& absolute, bool& inside) {
  if (const UniqueFd file = open_below(root, absolute); file.valid()) {
    inside = true;
    if (std::string name = name_of(file); !name.empty()) return name;
  }
  const std::string plain = lexical(absolute);
  const std::size_t slash = plain.rfind('/');
  const UniqueFd parent = open_below(root, slash == 0 ? "/" : plain.substr(0, slash));
  if (!parent.valid()) return plain;
  const std::string name = name_of(parent);
  if (name.empty()) return plain;
  return (name == "/" ? "" : name) + plain.substr(slash);
}

void look_at_host(ObservedPath& path) {
  struct stat status{};
  if (::stat(path.path.c_str(), &status) == 0) {
    path.on_host = true;
    path.host_mode = status.st_mode;
  }
  path.parent_on_host = ::stat(path.parent().c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;
  std::string file;
};

std::vector<Mapping> read_mappings(pid_t thread) {
  std::vector<Mapping> mappings;
  std::FILE* file = std::fopen(fmt::format("/proc/{}/maps", thread).c_str(), "re");
  if (file == nullptr) return mappings;
  std::array<char, PATH_MAX + 128> line{};
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    Mapping mapping;
    std::array<char, PATH_MAX> name{};
    if (std::sscanf(line.data(), "%lx-%lx %*s %lx %*s %*s %4095[^\n]", &mapping.begin, &mapping.end,
                    &mapping.offset, name.data()) < 3)
      continue;
    mapping.file = name.data();
    mapping.file.erase(0, mapping.file.find_first_not_of(' '));
    mappings.push_back(std::move(mapping));
  }
  static_cast<void>(std::fclose(file));
  return mappings;
}

std::string place_in(const std::vector<Mapping>& mappings, std::uint64_t address) {
  for (const Mapping& mapping : mappings)
    if (address >= mapping.begin && address < mapping.end)
      return fmt::format("{}+{:#x}", mapping.file.empty() ? "(no file)" : mapping.file,
                         address - mapping.begin + mapping.offset);
  return {};
}

}  // namespace

std::string Tracee::link(const std::string& name) const {
  return read_link(fmt::format("/proc/{}/{}", thread_, name));
}

std::string Tracee::comm() const {
  const UniqueFd file(::open(fmt::format("/proc/{}/comm", thread_).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 32> name{};
  const ssize_t size = ::read(file.get(), name.data(), name.size());
  return size > 1 ? std::string(name.data(), static_cast<std::size_t>(size) - 1) : std::string();
}

bool Tracee::read(std::uint64_t address, std::span<std::byte> into) const {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address), into.size()};
  return ::process_vm_readv(thread_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(into.size());
}

// Page by page: a text may end just before a page that is not there.
std::string Tracee::text(std::uint64_t address) const {
  std::string text;
  std::array<std::byte, kPage> page;
  while (text.size() < PATH_MAX) {
    const std::size_t size = kPage - static_cast<std::size_t>(address % kPage);
    if (!read(address, std::span(page).first(size))) return {};
    const char* bytes = reinterpret_cast<const char*>(page.data());
    const std::size_t length = ::strnlen(bytes, size);
    text.append(bytes, length);
    if (length < size) return text;
    address += size;
  }
  text.resize(PATH_MAX);
  return text;
}

std::string Tracee::descriptor_path(int descriptor) const {
  std::string path = link(fmt::format("fd/{}", descriptor));
  return path.starts_with('/') ? path : std::string();
}

int Tracee::socket_protocol(int descriptor) const {
  std::array<char, 256> status{};
  const UniqueFd file(
      ::open(fmt::format("/proc/{}/status", thread_).c_str(), O_RDONLY | O_CLOEXEC));
  if (::read(file.get(), status.data(), status.size() - 1) <= 0) return 0;
  const char* line = std::strstr(status.data(), "\nTgid:");
  if (line == nullptr) return 0;
  const long process = std::strtol(line + 6, nullptr, 10);
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  const UniqueFd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), descriptor, 0)));
  int protocol = 0;
  socklen_t size = sizeof protocol;
  if (!copy.valid() || ::getsockopt(copy.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0)
    return 0;
  return protocol;
}

ObservedPath Tracee::find(int directory, const std::string& path, HostView host) const {
  if (path.starts_with('/')) return find_inside(path, host);
  const std::string base =
      directory == AT_FDCWD ? link("cwd") : link(fmt::format("fd/{}", directory));
  return find_inside(base + "/" + path, host);
}

ObservedPath Tracee::find_inside(const std::string& absolute, HostView host) const {
  ObservedPath found;
  const UniqueFd root(
      ::open(fmt::format("/proc/{}/root", thread_).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  found.path = followed(root, absolute, found.inside);
  if (host == HostView::same_names) look_at_host(found);
  return found;
}

std::vector<std::string> Tracee::stack(std::uint64_t instruction, std::uint64_t frame) const {
  const std::vector<Mapping> mappings = read_mappings(thread_);
  std::vector<std::string> frames;
  std::uint64_t address = instruction;
  while (frames.size() < kMostFrames) {
    std::string place = place_in(mappings, address);
    if (place.empty()) break;
    frames.push_back(std::move(place));
    std::array<std::uint64_t, 2> link{};  // the caller's frame, the return address
    if (frame % 8 != 0 || !read(frame, std::as_writable_bytes(std::span(link)))) break;
    if (link[0] <= frame) break;
    frame = link[0];
    address = link[1];
  }
  return frames;
}

}  // namespace yett
