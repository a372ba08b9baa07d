#include "runsc-like/oci/config/mount_options.hpp"

#include <linux/mount.h>

#include <algorithm>
#include <array>

namespace yett::oci {
namespace {

enum class Effect : std::uint8_t {
  set,      // attributes
  clear,    //
  time,     // one of the times of access; value 0 is the kernel's default, relatime
  bind,     // value: 1 for rbind
  remount,  //
  spread,   // propagation
  idmap,    // value: an IdMap
  copy_up,  //
  super,    // a flag of the superblock, by its name
  nothing,  // the default, a wish about messages, and what a file system now does by itself:
            // iversion
};

struct Option {
  std::string_view name;
  Effect effect;
  std::uint64_t value = 0;
};

// linux/mount.h has these; <sys/mount.h>, whose names clash with it, has MS_*.
constexpr std::uint64_t kRecursive = 0x4000;    // MS_REC
constexpr std::uint64_t kUnbindable = 0x20000;  // MS_UNBINDABLE
constexpr std::uint64_t kPrivate = 0x40000;     // MS_PRIVATE
constexpr std::uint64_t kSlave = 0x80000;       // MS_SLAVE
constexpr std::uint64_t kShared = 0x100000;     // MS_SHARED

// Sorted by name.
constexpr auto kOptions = std::to_array<Option>({
    {"async", Effect::super},
    {"atime", Effect::time, 0},
    {"bind", Effect::bind, 0},
    {"defaults", Effect::nothing},
    {"dev", Effect::clear, MOUNT_ATTR_NODEV},
    {"diratime", Effect::clear, MOUNT_ATTR_NODIRATIME},
    {"dirsync", Effect::super},
    {"exec", Effect::clear, MOUNT_ATTR_NOEXEC},
    {"idmap", Effect::idmap, static_cast<std::uint64_t>(IdMap::this_mount)},
    {"iversion", Effect::nothing},
    {"lazytime", Effect::super},
    {"loud", Effect::nothing},
    {"mand", Effect::super},
    {"noatime", Effect::time, MOUNT_ATTR_NOATIME},
    {"nodev", Effect::set, MOUNT_ATTR_NODEV},
    {"nodiratime", Effect::set, MOUNT_ATTR_NODIRATIME},
    {"noexec", Effect::set, MOUNT_ATTR_NOEXEC},
    {"noiversion", Effect::nothing},
    {"nolazytime", Effect::super},
    {"nomand", Effect::super},
    {"norelatime", Effect::time, 0},
    {"nostrictatime", Effect::time, 0},
    {"nosuid", Effect::set, MOUNT_ATTR_NOSUID},
    {"nosymfollow", Effect::set, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", Effect::spread, kPrivate},
    {"ratime", Effect::time, 0},
    {"rbind", Effect::bind, 1},
    {"rdev", Effect::clear, MOUNT_ATTR_NODEV},
    {"rdiratime", Effect::clear, MOUNT_ATTR_NODIRATIME},
    {"relatime", Effect::time, 0},
    {"remount", Effect::remount},
    {"rexec", Effect::clear, MOUNT_ATTR_NOEXEC},
    {"ridmap", Effect::idmap, static_cast<std::uint64_t>(IdMap::with_submounts)},
    {"rnoatime", Effect::time, MOUNT_ATTR_NOATIME},
    {"rnodev", Effect::set, MOUNT_ATTR_NODEV},
    {"rnodiratime", Effect::set, MOUNT_ATTR_NODIRATIME},
    {"rnoexec", Effect::set, MOUNT_ATTR_NOEXEC},
    {"rnorelatime", Effect::time, 0},
    {"rnostrictatime", Effect::time, 0},
    {"rnosuid", Effect::set, MOUNT_ATTR_NOSUID},
    {"rnosymfollow", Effect::set, MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", Effect::set, MOUNT_ATTR_RDONLY},
    {"rprivate", Effect::spread, kPrivate | kRecursive},
    {"rrelatime", Effect::time, 0},
    {"rro", Effect::set, MOUNT_ATTR_RDONLY},
    {"rrw", Effect::clear, MOUNT_ATTR_RDONLY},
    {"rshared", Effect::spread, kShared | kRecursive},
    {"rslave", Effect::spread, kSlave | kRecursive},
    {"rstrictatime", Effect::time, MOUNT_ATTR_STRICTATIME},
    {"rsuid", Effect::clear, MOUNT_ATTR_NOSUID},
    {"rsymfollow", Effect::clear, MOUNT_ATTR_NOSYMFOLLOW},
    {"runbindable", Effect::spread, kUnbindable | kRecursive},
    {"rw", Effect::clear, MOUNT_ATTR_RDONLY},
    {"shared", Effect::spread, kShared},
    {"silent", Effect::nothing},
    {"slave", Effect::spread, kSlave},
    {"strictatime", Effect::time, MOUNT_ATTR_STRICTATIME},
    {"suid", Effect::clear, MOUNT_ATTR_NOSUID},
    {"symfollow", Effect::clear, MOUNT_ATTR_NOSYMFOLLOW},
    {"sync", Effect::super},
    {"tmpcopyup", Effect::copy_up},
    {"unbindable", Effect::spread, kUnbindable},
});
static_assert(std::ranges::is_sorted(kOptions, {}, &Option::name));

// "rro" is "ro" for the submounts too; "ro", "relatime", "remount" and "rw" only begin alike.
bool is_recursive(const Option& option) {
  if (option.name.size() < 2 || option.name[0] != 'r') return false;
  const auto plain = std::ranges::find(kOptions, option.name.substr(1), &Option::name);
  return plain != kOptions.end() && plain->effect == option.effect;
}

void apply(const Option& option, MountAttributes& attributes) {
  if (option.effect == Effect::time) {
    attributes.set = (attributes.set & ~std::uint64_t{MOUNT_ATTR__ATIME}) | option.value;
    attributes.clear |= MOUNT_ATTR__ATIME;
  } else if (option.effect == Effect::set) {
    attributes.set |= option.value;
    attributes.clear &= ~option.value;
  } else {
    attributes.set &= ~option.value;
    attributes.clear |= option.value;
  }
}

void apply(const Option& option, MountOptions& options) {
  switch (option.effect) {
    case Effect::set:
    case Effect::clear:
    case Effect::time:
      apply(option, is_recursive(option) ? options.recursive_attributes : options.attributes);
      break;
    case Effect::bind:
      options.bind = true;
      options.recursive = option.value == 1;
      break;
    case Effect::remount:
      options.remount = true;
      break;
    case Effect::spread:
      options.propagation.push_back(option.value);
      break;
    case Effect::idmap:
      options.idmap = static_cast<IdMap>(option.value);
      break;
    case Effect::copy_up:
      options.copy_up = true;
      break;
    case Effect::super:
      options.filesystem.emplace_back(option.name);
      break;
    case Effect::nothing:
      break;
  }
}

}  // namespace

MountOptions parse_mount_options(std::span<const std::string> options) {
  MountOptions parsed;
  for (const std::string& text : options) {
    const auto option = std::ranges::lower_bound(kOptions, text, {}, &Option::name);
    if (option != kOptions.end() && option->name == text)
      apply(*option, parsed);
    else
      parsed.filesystem.push_back(text);
  }
  return parsed;
}

std::vector<std::string_view> mount_option_names() {
  std::vector<std::string_view> names;
  for (const Option& option : kOptions) names.push_back(option.name);
  return names;
}

}  // namespace yett::oci
