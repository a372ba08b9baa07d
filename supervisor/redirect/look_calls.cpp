// Calls that change nothing: what stands where a path leads.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <span>
#include <utility>

#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"
#include "supervisor/redirect/redirector.hpp"

namespace yett {
namespace {

template <typename Value>
RedirectAnswer tell(const Value& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  RedirectAnswer answer;
  answer.told.assign(bytes.begin(), bytes.end());
  return answer;
}

bool is_no_directory(const Found& found, mode_t mode) {
  return found.as_directory && !S_ISDIR(mode);
}

}  // namespace

RedirectAnswer Redirector::look(const Copied&, const Found& found) const {
  if (found.look.standing == Standing::ours)
    return is_no_directory(found, found.look.status.st_mode) ? done(ENOTDIR)
                                                             : tell(found.look.status);
  if (found.look.standing == Standing::removed) return done(ENOENT);
  if (found.by_kernel) return RedirectAnswer::let_run();
  const auto host = ChangeTree::look_at_host(found.path);
  if (!host) return done(ENOENT);
  return is_no_directory(found, host->st_mode) ? done(ENOTDIR) : tell(*host);
}

RedirectAnswer Redirector::look_wide(const Copied& copied, const Found& found) const {
  if (found.look.standing == Standing::removed) return done(ENOENT);
  const bool is_ours = found.look.standing == Standing::ours;
  if (!is_ours && found.by_kernel) return RedirectAnswer::let_run();
  UniqueFd object;
  if (is_ours) {
    if (const int error = tree_.find_ours(found.path, object); error != 0) return done(error);
  } else {
    object.reset(::open(found.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }
  struct statx status{};
  if (!object.valid() || ::statx(object.get(), "", AT_EMPTY_PATH,
                                 static_cast<unsigned>(copied.call.number), &status) != 0)
    return done(ENOENT);
  if (is_ours) status.stx_mode &= static_cast<__u16>(~change_marks::kMark);
  return is_no_directory(found, status.stx_mode) ? done(ENOTDIR) : tell(status);
}

// What is shown can be written: into the tree.
RedirectAnswer Redirector::access(const Copied& copied, const Found& found) const {
  if (found.look.standing == Standing::removed || !found.exists)
    return found.look.standing == Standing::untouched ? pass_on(found, ENOENT) : done(ENOENT);
  const auto mode = static_cast<int>(copied.call.mode);
  if (found.look.standing == Standing::untouched) {
    const bool redirected = (mode & W_OK) != 0 && tree_.places().is_shown(found.path);
    if (found.by_kernel && !redirected) return RedirectAnswer::let_run();
    const int rest = redirected ? mode & ~W_OK : mode;
    return done(::faccessat(AT_FDCWD, found.path.c_str(), rest, AT_SYMLINK_NOFOLLOW) == 0 ? 0
                                                                                          : errno);
  }
  UniqueFd object;
  if (const int error = tree_.find_ours(found.path, object); error != 0) return done(error);
  const std::string name = "/proc/self/fd/" + std::to_string(object.get());
  return done(::access(name.c_str(), mode) == 0 ? 0 : errno);
}

RedirectAnswer Redirector::read_link(const Copied& copied, const Found& found) const {
  if (found.look.standing == Standing::removed) return done(ENOENT);
  std::string text;
  if (found.look.standing == Standing::ours) {
    if (!S_ISLNK(found.look.status.st_mode)) return done(EINVAL);
    text = tree_.link_text(found.path);
  } else {
    if (found.by_kernel) return RedirectAnswer::let_run();
    std::array<char, PATH_MAX> buffer;
    const ssize_t size = ::readlink(found.path.c_str(), buffer.data(), buffer.size());
    if (size < 0) return done(errno);
    text.assign(buffer.data(), static_cast<std::size_t>(size));
  }
  return tell_link(copied, std::move(text));
}

RedirectAnswer Redirector::tell_link(const Copied& copied, std::string text) {
  text.resize(std::min<std::uint64_t>(
      text.size(), static_cast<int>(copied.call.number) > 0 ? copied.call.number : 0));
  if (text.empty()) return done(EINVAL);
  RedirectAnswer answer;
  const auto bytes = std::as_bytes(std::span(text));
  answer.told.assign(bytes.begin(), bytes.end());
  answer.value = static_cast<std::int64_t>(text.size());
  return answer;
}

// As the sandbox has named it.
RedirectAnswer Redirector::tell_directory(const PendingNotification& pending) {
  {
    const std::scoped_lock held(lock_);
    if (tree_.is_empty()) return RedirectAnswer::let_run();
  }
  WalkStart here = MergedWalk(tree_, pending).start_of(AT_FDCWD);
  if (!pending.still_valid()) return done(ESRCH);
  if (!here.ours) return RedirectAnswer::let_run();
  const std::string& path = here.path;
  const auto bytes = std::as_bytes(std::span(path.c_str(), path.size() + 1));
  if (pending.data().args[1] < bytes.size()) return done(ERANGE);
  if (const Status told = write_target(pending, pending.data().args[0], bytes); !told)
    return done(errno_for_target(told));
  RedirectAnswer answer;
  answer.value = static_cast<std::int64_t>(bytes.size());
  return answer;
}

}  // namespace yett
