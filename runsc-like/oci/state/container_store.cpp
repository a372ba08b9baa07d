#include "runsc-like/oci/state/container_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "ioctl_uapi/clone.hpp"
#include "ioctl_uapi/peer.hpp"

namespace yett::oci {
namespace {

// Not part of any id.
constexpr char kHidden = '~';

Error absent(const std::string& id) {
  return Error{.kind = ErrorKind::target_gone, .subject = id, .detail = "container does not exist"};
}

Status write_whole(int directory, const char* name, std::string_view text) {
  const std::string fresh = std::string(name) + ".new";
  const UniqueFd file(::openat(directory, fresh.c_str(),
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail(errno_error("open", fresh));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", fresh));
  if (::renameat(directory, fresh.c_str(), directory, name) != 0)
    return fail(errno_error("rename", fresh));
  return {};
}

Result<std::string> read_whole(int directory, const char* name) {
  constexpr std::size_t kMost = std::size_t{4} << 20;
  const UniqueFd file(::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return fail(errno_error("open", name));
  std::string text;
  struct stat status{};
  if (::fstat(file.get(), &status) == 0) text.reserve(static_cast<std::size_t>(status.st_size) + 1);
  char piece[16384];
  for (;;) {
    const ssize_t got = ::read(file.get(), piece, sizeof piece);
    if (got < 0) return fail(errno_error("read", name));
    if (got == 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
    if (text.size() > kMost) return fail(errno_error(EFBIG, "read", name));
  }
}

int open_lock(int directory) {
  return ::openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

std::vector<std::string> names_in(const std::string& root) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(root.c_str()), ::closedir);
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get()))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      names.emplace_back(entry->d_name);
  std::ranges::sort(names);
  return names;
}

// A name that only we use, so that nothing else has to be followed or asked. The lock goes last: by
// it the sweep of another command knows what is still to be removed.
void remove_hidden(const std::string& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return;
  for (const std::string& name : names_in(path))
    if (name != "lock") ::unlinkat(directory.get(), name.c_str(), 0);
  ::unlinkat(directory.get(), "lock", 0);
  ::rmdir(path.c_str());
}

// SECURITY(container-store-owner): what is kept here decides which programs run as its reader.
Status check_owner(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return fail(errno_error("look at", path));
  if (found.st_uid != ::geteuid())
    return fail(host_error(path, "belongs to uid " + std::to_string(found.st_uid),
                           "choose another --root, which is yours"));
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return fail(
      host_error(path, "can be written to by others", "chmod go-w, or choose another --root"));
}

Status make_root(const std::string& root) {
  for (std::size_t end = root.find('/', 1); end != std::string::npos; end = root.find('/', end + 1))
    ::mkdir(root.substr(0, end).c_str(), root.compare(0, end, "/run/yett") == 0 ? 0700 : 0755);
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return fail(errno_error("mkdir", root));
  return check_owner(root);
}

// Of the directory itself, so that a long --root is no matter for the 108 bytes of an address.
sockaddr_un socket_address(int directory, const char* name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Result<UniqueFd> make_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(errno_error("socket"));
  return socket;
}

std::string file_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t got = file.valid() ? ::read(file.get(), text, sizeof text) : 0;
  return std::string(text, got > 0 ? static_cast<std::size_t>(got) : 0);
}

bool is_frozen(const ContainerState& state) {
  return std::ranges::any_of(state.cgroups, [](const std::string& directory) {
    return file_text(directory + "/cgroup.freeze").starts_with('1') ||
           file_text(directory + "/freezer.state").starts_with("FR");
  });
}

}  // namespace

Status ContainerDirectory::lock() {
  if (lock_.valid()) return {};
  UniqueFd file(open_lock(directory_.get()));
  if (!file.valid()) return fail(errno == ENOENT ? absent(id_) : errno_error("open", "lock"));
  constexpr int kTries = 1000;
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 10'000'000};
  for (int i = 0; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail(errno_error("lock", path_));
    if (i == kTries)
      return fail(Error{.kind = ErrorKind::exhausted,
                        .subject = id_,
                        .detail = "another command has held the container for 10 s"});
    ::nanosleep(&kPause, nullptr);
  }
  // It may have been deleted while we waited, and another made of the same name.
  struct stat here{};
  struct stat named{};
  if (::fstat(directory_.get(), &here) != 0 || ::lstat(path_.c_str(), &named) != 0 ||
      here.st_ino != named.st_ino || here.st_dev != named.st_dev)
    return fail(absent(id_));
  lock_ = std::move(file);
  return {};
}

// Also for the copies of it that other processes have by fork.
void ContainerDirectory::unlock() {
  if (lock_.valid()) ::flock(lock_.get(), LOCK_UN);
  lock_.reset();
}

Result<ContainerState> ContainerDirectory::read_state() const {
  auto text = read_whole(directory_.get(), "state.json");
  if (!text && text.error().sys_errno == ENOENT) {
    ContainerState unborn;  // its `create` was killed, or is at work
    unborn.id = id_;
    return unborn;
  }
  if (!text) return fail(std::move(text).error());
  return parse_state_file(*text, path_ + "/state.json");
}

Status ContainerDirectory::write_state(const ContainerState& state) const {
  return write_whole(directory_.get(), "state.json", state_file_text(state));
}

Result<std::string> ContainerDirectory::read_config() const {
  return read_whole(directory_.get(), "config.json");
}

Status ContainerDirectory::write_config(std::string_view text) const {
  return write_whole(directory_.get(), "config.json", text);
}

Result<UniqueFd> ContainerDirectory::open_end() const {
  UniqueFd file(::openat(directory_.get(), "end", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail(errno_error("open", path_ + "/end"));
  return file;
}

Result<UniqueFd> ContainerDirectory::hold_waiting() const {
  UniqueFd file(::openat(directory_.get(), "waiting", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(errno_error("open", "waiting"));
  if (::flock(file.get(), LOCK_EX) != 0) return fail(errno_error("lock", "waiting"));
  return file;
}

bool ContainerDirectory::is_waiting() const {
  const UniqueFd file(::openat(directory_.get(), "waiting", O_RDWR | O_CLOEXEC));
  return file.valid() && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<UniqueFd> ContainerDirectory::listen_for(const char* name) const {
  YETT_TRY(UniqueFd socket, make_socket());
  const sockaddr_un address = socket_address(directory_.get(), name);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(errno_error("bind", path_ + "/" + name));
  if (::fchmodat(directory_.get(), name, 0600, 0) != 0)
    return fail(errno_error("chmod", path_ + "/" + name));
  constexpr int kQueue = 4;
  if (::listen(socket.get(), kQueue) != 0) return fail(errno_error("listen", path_ + "/" + name));
  return socket;
}

Result<UniqueFd> ContainerDirectory::connect_to(const char* name) const {
  YETT_TRY(UniqueFd socket, make_socket());
  const sockaddr_un address = socket_address(directory_.get(), name);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return socket;
  Error error = errno_error("connect", path_ + "/" + name);
  if (error.sys_errno == ECONNREFUSED) error.detail = supervisor_gone(id_).detail;
  return fail(std::move(error));
}

Status ContainerDirectory::remove() {
  const std::string gone = root_ + "/" + kHidden + "gone." + std::to_string(::getpid()) + "." + id_;
  if (::rename(path_.c_str(), gone.c_str()) != 0) {
    if (errno == ENOENT) return {};
    // The longest ids leave no room for a longer name: then it goes where it stands.
    if (errno != ENAMETOOLONG) return fail(errno_error("rename", path_));
    remove_hidden(path_);
    return {};
  }
  remove_hidden(gone);
  return {};
}

// `swept`: another command's sweep() took the new directory before it was locked.
Result<ContainerDirectory> ContainerStore::try_create(const std::string& id, bool& swept) const {
  ContainerDirectory made;
  made.root_ = root_;
  made.id_ = id;
  made.path_ = root_ + "/" + id;
  const std::string fresh = root_ + "/" + kHidden + "new." + std::to_string(::getpid());
  remove_hidden(fresh);  // of a killed process with our pid
  if (::mkdir(fresh.c_str(), 0700) != 0) return fail(errno_error("mkdir", fresh));
  const auto failed = [&swept](const char* operation, const std::string& subject) {
    swept = errno == ENOENT;
    return fail(errno_error(operation, subject));
  };
  made.directory_.reset(::open(fresh.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!made.directory_.valid()) return failed("open", fresh);
  made.lock_.reset(open_lock(made.directory_.get()));
  if (!made.lock_.valid()) return failed("open lock in", fresh);
  if (::flock(made.lock_.get(), LOCK_EX) != 0) return failed("lock", fresh);
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, made.path_.c_str(), RENAME_NOREPLACE) == 0)
    return made;
  if (errno != EEXIST) return failed("make", made.path_);
  remove_hidden(fresh);
  return fail(
      request_error(id, "container with given ID already exists", "choose another, or delete it"));
}

Result<ContainerDirectory> ContainerStore::create(const std::string& id) const {
  YETT_CHECK(check_container_id(id));
  YETT_CHECK(make_root(root_));
  constexpr int kTries = 100;
  for (int i = 1;; ++i) {
    bool swept = false;
    auto made = try_create(id, swept);
    if (made || !swept || i == kTries) return made;
  }
}

Result<ContainerDirectory> ContainerStore::open(const std::string& id) const {
  YETT_CHECK(check_container_id(id));
  if (::access(root_.c_str(), F_OK) == 0) YETT_CHECK(check_owner(root_));
  ContainerDirectory found;
  found.root_ = root_;
  found.id_ = id;
  found.path_ = root_ + "/" + id;
  found.directory_.reset(
      ::open(found.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (found.directory_.valid()) return found;
  if (errno == ENOENT) return fail(absent(id));
  return fail(errno_error("open", found.path_));
}

std::vector<std::string> ContainerStore::ids() const {
  std::vector<std::string> names = names_in(root_);
  std::erase_if(names, [](const std::string& name) { return !check_container_id(name); });
  return names;
}

void ContainerStore::sweep() const {
  for (const std::string& name : names_in(root_)) {
    if (!name.starts_with(kHidden)) continue;
    const std::string path = root_ + "/" + name;
    const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd held(::openat(directory.get(), "lock", O_RDWR | O_CLOEXEC));
    if (!held.valid())
      ::rmdir(path.c_str());  // killed before the lock was there, or after it had gone
    else if (::flock(held.get(), LOCK_EX | LOCK_NB) == 0)
      remove_hidden(path);
  }
}

ContainerStatus find_status(const ContainerDirectory& directory, const ContainerState& state) {
  if (state.pid == 0) {
    const UniqueFd lock(::openat(directory.fd().get(), "lock", O_RDWR | O_CLOEXEC));
    const bool at_work =
        lock.valid() && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    return at_work ? ContainerStatus::creating : ContainerStatus::stopped;
  }
  if (process_start_time(state.pid) != state.pid_start) return ContainerStatus::stopped;
  if (is_frozen(state)) return ContainerStatus::paused;
  return directory.is_waiting() ? ContainerStatus::created : ContainerStatus::running;
}

std::optional<std::uint64_t> process_start_time(int pid) {
  const std::string text = file_text("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return std::nullopt;
  const char* at = text.c_str() + name_end + 2;
  if (*at == 'Z' || *at == 'X') return std::nullopt;
  constexpr int kFieldsBefore = 19;  // from state (3) to starttime (22)
  for (int i = 0; i < kFieldsBefore; ++i) {
    at = std::strchr(at, ' ');
    if (at == nullptr) return std::nullopt;
    ++at;
  }
  return std::strtoull(at, nullptr, 10);
}

Result<UniqueFd> open_container_process(const ContainerState& state) {
  const Error gone{
      .kind = ErrorKind::target_gone, .subject = state.id, .detail = "container not running"};
  if (state.pid == 0) return fail(gone);
  auto process = open_pidfd(state.pid);
  if (!process || process_start_time(state.pid) != state.pid_start) return fail(gone);
  return process;
}

}  // namespace yett::oci
