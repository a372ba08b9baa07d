#include "sandbox/host/own_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/unique_fd.hpp"

namespace yett {
namespace {

constexpr std::array kWithin{"/home", "/tmp"};

void empty_directory(int directory);

// Its user may have taken its own rights to a directory away.
int open_to_empty(int parent, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const int opened = ::openat(parent, name, kFlags);
  if (opened >= 0) return opened;
  if (::fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  return ::openat(parent, name, kFlags);
}

void remove_entry(int parent, const char* name) {
  if (::unlinkat(parent, name, 0) == 0) return;
  empty_directory(open_to_empty(parent, name));
  ::unlinkat(parent, name, AT_REMOVEDIR);
}

// Takes the descriptor.
void empty_directory(int directory) {
  if (directory < 0) return;
  ::fchmod(directory, 0700);
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> entries(::fdopendir(directory), close);
  if (!entries) {
    ::close(directory);
    return;
  }
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") remove_entry(directory, entry->d_name);
  }
}

}  // namespace

std::string choose_work_directory() {
  const char* base = std::getenv("TMPDIR");
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) std::abort();
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  const char* asked = base != nullptr && base[0] == '/' ? base : "/tmp";
  std::array<char, PATH_MAX> real{};  // rules speak of what lies below it by its real name
  return std::string(::realpath(asked, real.data()) != nullptr ? real.data() : asked) + "/yett-" +
         text.data();
}

Result<OwnDirectory> OwnDirectory::make(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return fail(errno_error("make the sandbox's own", path));
  OwnDirectory made(path);
  for (const char* name : kWithin)
    if (const std::string within = path + name; ::mkdir(within.c_str(), 0700) != 0)
      return fail(errno_error("make", within));
  return made;
}

OwnDirectory& OwnDirectory::operator=(OwnDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

// Nobody is left who could exchange what is removed: its processes are gone before it.
OwnDirectory::~OwnDirectory() {
  if (path_.empty()) return;
  for (const char* name : kWithin) ::rmdir((path_ + name).c_str());  // as a rule they are empty
  if (::rmdir(path_.c_str()) == 0) return;
  empty_directory(open_to_empty(AT_FDCWD, path_.c_str()));
  ::rmdir(path_.c_str());
}

}  // namespace yett
