#include "sandbox/host/feature_cache.hpp"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/own_namespace.hpp"
#include "sandbox/host/feature_table.hpp"
#include "sandbox/host/read_file.hpp"

namespace yett {
namespace {

constexpr std::string_view kHeader = "yett-host-features 1";
constexpr std::string_view kEnd = "end";

// ---- what the answer depends on -----------------------------------------------------------------

std::string hex(const unsigned char* bytes, std::size_t count) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

// The linker's build id of this program (the first object that dl_iterate_phdr names), so that a
// rebuilt yett probes anew.
int take_build_id(dl_phdr_info* object, std::size_t /*size*/, void* out) {
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const unsigned char*>(object->dlpi_addr + segment.p_vaddr);
    const unsigned char* end = at + segment.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const unsigned char* content = at + sizeof note + ((note.n_namesz + 3U) & ~3U);
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4) {
        *static_cast<std::string*>(out) = hex(content, std::min<std::size_t>(note.n_descsz, 8));
        return 1;
      }
      at = content + ((note.n_descsz + 3U) & ~3U);
    }
  }
  return 1;  // later objects are libraries
}

std::string build_id() {
  std::string id = "unnamed";
  ::dl_iterate_phdr(take_build_id, &id);
  return id;
}

std::string identity_of(const struct stat& found) {
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
}

std::string file_identity(const char* path) {
  struct stat found{};
  return ::stat(path, &found) == 0 ? identity_of(found) : "-";
}

// A tmpfs does not outlive its boot, so that what is kept there needs no boot id; reading it would
// cost a quarter of the whole look-up.
std::string boot_identity(const std::string& directory) {
  struct statfs filesystem{};
  if (::statfs(directory.c_str(), &filesystem) == 0 && filesystem.f_type == TMPFS_MAGIC)
    return "this-boot";
  return read_line_file("/proc/sys/kernel/random/boot_id").value_or("no-boot-id");
}

// settimeofday(2) without a time and without a zone changes nothing, but is refused outside the
// initial user namespace: 0.2 us against 30 for a look at /proc/self/ns of a process this young.
std::string user_namespace_now() {
  if (::syscall(SYS_settimeofday, nullptr, nullptr) == 0) return "initial";
  struct stat found{};
  const UniqueFd own = open_own_namespace(OwnNamespace::user);
  if (own.valid() && ::fstat(own.get(), &found) == 0) return identity_of(found);
  return file_identity("/proc/self/ns/user");
}

// One that this process made for itself is another each time, and offers what the one around it
// lets it: that one is what the answer depends on.
std::string namespace_around;
std::string user_namespace_identity() {
  return namespace_around.empty() ? user_namespace_now() : "one in " + namespace_around;
}

constexpr std::string_view kPrefix = "host-features-";
// Builds of yett that take turns on one host are few; an older one's answer is found anew.
constexpr std::size_t kKeptFiles = 8;

std::string file_name() { return std::string(kPrefix) + build_id(); }

// ---- text ---------------------------------------------------------------------------------------

void append_line(std::string& text, std::string_view key, std::string_view value) {
  text += key;
  text += '=';
  for (const char c : value) text += c == '\n' ? ' ' : c;
  text += '\n';
}

std::string layout_text(CgroupLayout layout) { return std::to_string(static_cast<int>(layout)); }

bool parse_feature(KernelFeatures& features, std::string_view key, std::string_view value) {
  if (value.size() < 2 || (value[0] != '0' && value[0] != '1') || value[1] != ' ') return false;
  for (const FeatureEntry& entry : feature_table())
    if (entry.key == key) {
      features.*entry.member = {.usable = value[0] == '1', .detail = std::string(value.substr(2))};
      return true;
    }
  return false;
}

template <typename Number>
bool parse_number(std::string_view value, std::uint64_t max, Number& number) {
  const auto parsed = parse_decimal(value, max);
  if (parsed) number = static_cast<Number>(*parsed);
  return parsed.has_value();
}

bool parse_pair(KernelFeatures& features, std::string_view key, std::string_view value) {
  if (key == "release") return features.release = value, true;
  if (key == "boot_id") return features.boot_id = value, true;
  if (key == "is_root") return features.is_root = value == "1", value == "1" || value == "0";
  if (key == "is_namespace_root")
    return features.is_namespace_root = value == "1", value == "1" || value == "0";
  if (key == "capabilities") return parse_number(value, UINT64_MAX, features.capabilities);
  if (key == "landlock_abi") return parse_number(value, 1000, features.landlock_abi);
  if (key == "cgroup_layout") return parse_number(value, 3, features.cgroup.layout);
  if (key == "cgroup_v2") return features.cgroup.v2_mount = value, true;
  if (key.starts_with("cgroup_v1_"))
    return features.cgroup.v1_mounts.emplace(key.substr(10), value).second;
  if (key.starts_with("cgroup_v2_"))
    return features.cgroup.v2_controllers.emplace(key.substr(10), true).second;
  return parse_feature(features, key, value);
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return {};
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// ---- old answers --------------------------------------------------------------------------------

struct KeptFile {
  std::string name;
  timespec written{};
};

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

std::vector<KeptFile> kept_files(DIR* directory) {
  std::vector<KeptFile> files;
  while (const dirent* entry = ::readdir(directory)) {
    KeptFile file{.name = entry->d_name};
    struct stat found{};
    if (!file.name.starts_with(kPrefix) ||
        ::fstatat(::dirfd(directory), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    file.written = found.st_mtim;
    files.push_back(std::move(file));
  }
  return files;
}

// Each build has a file of its own, and a writer that was killed leaves one: the oldest go. Whoever
// misses one probes again.
void remove_oldest(const std::string& path) {
  const Directory directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return;
  std::vector<KeptFile> files = kept_files(directory.get());
  if (files.size() <= kKeptFiles) return;
  std::ranges::sort(files, std::greater{}, [](const KeptFile& file) {
    return std::pair{file.written.tv_sec, file.written.tv_nsec};
  });
  for (std::size_t i = kKeptFiles; i < files.size(); ++i)
    ::unlinkat(::dirfd(directory.get()), files[i].name.c_str(), 0);
}

}  // namespace

void note_user_namespace_around() { namespace_around = user_namespace_now(); }

std::string make_feature_key(const std::string& directory) {
  utsname name{};
  ::uname(&name);
  std::array<__user_cap_data_struct, 2> capabilities{};
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  ::syscall(SYS_capget, &header, capabilities.data());
  std::string key = boot_identity(directory);
  for (const std::string& part :
       {std::string(name.release), std::string(name.version), std::to_string(::geteuid()),
        std::to_string(capabilities[0].effective), std::to_string(capabilities[1].effective),
        user_namespace_identity(), file_identity("/sys/fs/cgroup")})
    key += "|" + part;
  return key;
}

std::string serialise_features(const KernelFeatures& features, std::string_view key) {
  std::string text(kHeader);
  text += '\n';
  append_line(text, "key", key);
  append_line(text, "release", features.release);
  append_line(text, "boot_id", features.boot_id);
  append_line(text, "is_root", features.is_root ? "1" : "0");
  append_line(text, "is_namespace_root", features.is_namespace_root ? "1" : "0");
  append_line(text, "capabilities", std::to_string(features.capabilities));
  append_line(text, "landlock_abi", std::to_string(features.landlock_abi));
  append_line(text, "cgroup_layout", layout_text(features.cgroup.layout));
  append_line(text, "cgroup_v2", features.cgroup.v2_mount);
  for (const auto& [controller, mount] : features.cgroup.v1_mounts)
    append_line(text, "cgroup_v1_" + controller, mount);
  for (const auto& [controller, there] : features.cgroup.v2_controllers)
    if (there) append_line(text, "cgroup_v2_" + controller, "1");
  for (const FeatureEntry& entry : feature_table()) {
    const Feature& feature = features.*entry.member;
    append_line(text, entry.key, (feature.usable ? "1 " : "0 ") + feature.detail);
  }
  text += kEnd;
  text += '\n';
  return text;
}

std::optional<KernelFeatures> parse_features(std::string_view text, std::string_view key) {
  if (take_line(text) != kHeader || take_line(text) != "key=" + std::string(key))
    return std::nullopt;
  KernelFeatures features;
  while (true) {
    const std::string_view line = take_line(text);
    if (line == kEnd) return text.empty() ? std::optional(std::move(features)) : std::nullopt;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos ||
        !parse_pair(features, line.substr(0, equals), line.substr(equals + 1)))
      return std::nullopt;
  }
}

std::optional<KernelFeatures> load_features(const std::string& directory, std::string_view key) {
  const std::string path = directory + "/" + file_name();
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat found{};
  if (!file.valid() || ::fstat(file.get(), &found) != 0) return std::nullopt;
  if (!S_ISREG(found.st_mode) || found.st_uid != ::geteuid() || (found.st_mode & 022) != 0)
    return std::nullopt;
  std::array<char, 4096> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  return parse_features({text.data(), static_cast<std::size_t>(size)}, key);
}

void keep_features(const std::string& directory, std::string_view key,
                   const KernelFeatures& features) {
  const std::string path = directory + "/" + file_name();
  const std::string fresh = path + "." + std::to_string(::getpid());
  const std::string text = serialise_features(features, key);
  const UniqueFd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return;
  const bool written =
      ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) ::unlink(fresh.c_str());
  remove_oldest(directory);
}

}  // namespace yett
