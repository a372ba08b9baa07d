#include "supervisor/redirect/redirector.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/emulate/target_files.hpp"
#include "supervisor/notify/target_memory.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

constexpr int kUnnamed = O_TMPFILE & ~O_DIRECTORY;

std::uint64_t file_size_of(const SandboxPlan& plan) {
  const auto limit = std::ranges::find(plan.rlimits, RLIMIT_FSIZE, &RlimitEntry::resource);
  return limit == plan.rlimits.end() ? UINT64_MAX : limit->hard;
}

bool writes(int flags) {
  return (flags & O_PATH) == 0 && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0);
}

FollowLast follow_of(const PathCall& call) {
  const auto unless = [](bool stays) { return stays ? FollowLast::no : FollowLast::yes; };
  switch (call.act) {
    case PathAct::open:
      return unless((call.flags & O_NOFOLLOW) != 0 ||
                    (call.flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL));
    case PathAct::look:
    case PathAct::look_wide:
    case PathAct::access:
    case PathAct::execute:
    case PathAct::set_mode:
    case PathAct::set_times:
      return unless((call.flags & AT_SYMLINK_NOFOLLOW) != 0);
    case PathAct::truncate:
    case PathAct::enter:
      return FollowLast::yes;
    case PathAct::link:
      return unless((call.flags & AT_SYMLINK_FOLLOW) == 0);
    default:
      return FollowLast::no;
  }
}

bool has_two_names(PathAct act) { return act == PathAct::rename || act == PathAct::link; }

bool makes(const PathCall& call) {
  return call.act == PathAct::make_directory ||
         (call.act == PathAct::open && (call.flags & O_CREAT) != 0);
}

}  // namespace

Result<std::shared_ptr<Redirector>> Redirector::open(const SandboxPlan& plan, TakeRoom take_room) {
  const std::uint64_t file_size = file_size_of(plan);
  YETT_TRY(ChangeTree tree, ChangeTree::open(plan.redirect, file_size, std::move(take_room)));
  return std::shared_ptr<Redirector>(new Redirector(plan, file_size, std::move(tree)));
}

// ---- a call -------------------------------------------------------------------------------------

// Whether the thread was ours all along, answer_copied looks before anything comes of it.
int Redirector::copy_of(const PendingNotification& pending, Copied& copied) {
  const auto copy = [&pending](std::uint64_t address, std::string& into) {
    auto text = copy_target_string(pending, address, copy_target);
    if (!text) return errno_of_copy(text.error());
    into = *std::move(text);
    return 0;
  };
  const PathCall& call = copied.call;
  if (const int error = copy(call.name.address, copied.path); error != 0) return error;
  if (has_two_names(call.act))
    if (const int error = copy(call.other.address, copied.other); error != 0) return error;
  if (call.act == PathAct::make_link)
    if (const int error = copy(call.text, copied.text); error != 0) return error;
  if (makes(call)) copied.umask = read_umask(pending);
  if (call.act != PathAct::set_times || call.out == 0) return 0;
  return errno_for_target(
      copy_target(pending, call.out, std::as_writable_bytes(std::span(copied.times))));
}

// SECURITY(redirect-attributes): Landlock has no right for modes and times, so no such call is let
// run, for whatever reason it would have been: the object that it names by now is looked at.
RedirectAnswer Redirector::answer(const PendingNotification& pending, const SandboxPlan& plan) {
  if (pending.data().nr == SYS_getcwd) return tell_directory(pending);
  const auto call = path_call_of(pending.data());
  if (!call || pending.thread_id() == 0) return change_attributes(pending, plan);
  RedirectAnswer answer = answer_call(pending, *call);
  if (answer.kind == RedirectAnswer::Kind::let_run && changes_attributes(*call))
    return change_attributes(pending, plan);
  return answer;
}

RedirectAnswer Redirector::answer_call(const PendingNotification& pending, const PathCall& call) {
  Copied copied{.call = call, .path = {}, .other = {}, .text = {}};
  {
    const std::scoped_lock held(lock_);
    if (only_looks(call) && tree_.is_empty()) return RedirectAnswer::let_run();
  }
  if (const int error = copy_of(pending, copied); error != 0) return RedirectAnswer::failed(error);
  RedirectAnswer answer = answer_copied(pending, copied);
  if (answer.error != 0 || answer.told.empty()) return answer;
  const Status told = write_target(pending, call.out, answer.told);
  return told ? std::move(answer) : RedirectAnswer::failed(errno_for_target(told));
}

// What the sandbox has made or written already, by a plain name in a directory that the tree knows:
// there is no link on the way, and of a placeholder there is nothing to open.
int Redirector::open_known(const PendingNotification& pending, const Copied& copied) {
  constexpr int kSlow = O_CREAT | O_PATH | kUnnamed;
  const std::string& path = copied.path;
  if (copied.call.act != PathAct::open || (copied.call.flags & kSlow) != 0) return -1;
  const std::size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash + 1 == path.size()) return -1;
  const std::string_view whole(path);
  const std::string_view name = whole.substr(slash + 1);
  if (!tree_.is_directory_of_ours(whole.substr(0, std::max(slash, std::size_t{1})))) return -1;
  if (name == "." || name == ".." || tree_.places().is_written(path)) return -1;
  // SECURITY(copy-once): what only is opened is given by a call that fails for who is not our
  // thread.
  if ((copied.call.flags & O_TRUNC) != 0 && !pending.still_valid()) return -1;
  return tree_.open_in_known(path, copied.call.flags);
}

RedirectAnswer Redirector::answer_copied(const PendingNotification& pending, const Copied& copied) {
  const std::scoped_lock held(lock_);
  if (const int opened = open_known(pending, copied); opened >= 0)
    return give(opened, copied.call.flags);
  MergedWalk walk(tree_, pending);
  const auto find = [&walk](const NamedByTarget& name, const std::string& path,
                            FollowLast follow) -> std::optional<Found> {
    WalkStart start{.known = true};
    if (!path.starts_with('/')) start = walk.start_of(name.directory);
    if (path.empty() || !start.known) return std::nullopt;
    return walk.run(start, path, follow);
  };
  if (copied.call.act == PathAct::read_link)
    if (const auto own = walk.own_link(copied.path); own && pending.still_valid())
      return tell_link(copied, *own);
  const auto found = find(copied.call.name, copied.path, follow_of(copied.call));
  const auto other = has_two_names(copied.call.act)
                         ? find(copied.call.other, copied.other, FollowLast::no)
                         : found;
  // SECURITY(copy-once): valid now means that the thread id meant our thread all along.
  if (!pending.still_valid()) return RedirectAnswer::failed(ESRCH);
  if (!found || !other) return RedirectAnswer::let_run();
  if (copied.call.act == PathAct::execute) return execute(copied, *found, walk);
  return has_two_names(copied.call.act) ? act_on_two(copied, *found, *other)
                                        : act_on(copied, *found);
}

// As without redirection, by the object and where it lies: docs/decisions/0040-attributes.md.
RedirectAnswer Redirector::change_attributes(const PendingNotification& pending,
                                             const SandboxPlan& plan) {
  return done(emulate_attributes(pending, plan));
}

// SECURITY(redirect-let-run): nothing is granted by it. What the target's memory says by then is
// looked up by the kernel, and Landlock holds it as if nobody had been asked.
RedirectAnswer Redirector::pass_on(const Found& found, int error) {
  return found.by_kernel ? RedirectAnswer::let_run() : RedirectAnswer::failed(error);
}

bool Redirector::is_passed_on(const Found& found) const {
  return found.kernels || tree_.places().is_written(found.path);
}

RedirectAnswer Redirector::act_on(const Copied& copied, const Found& found) {
  if (found.error != 0) return done(found.error);
  if (copied.call.act == PathAct::enter) return enter(found);
  if (is_passed_on(found)) return pass_on(found, EXDEV);
  switch (copied.call.act) {
    case PathAct::open:
      return open_file(copied, found);
    case PathAct::look:
      return look(copied, found);
    case PathAct::look_wide:
      return look_wide(copied, found);
    case PathAct::access:
      return access(copied, found);
    case PathAct::read_link:
      return read_link(copied, found);
    case PathAct::truncate:
      return truncate(copied, found);
    case PathAct::remove:
      return remove(copied, found);
    case PathAct::set_mode:
    case PathAct::set_times:
      return set_attributes(copied, found);
    default:
      return make(copied, found);
  }
}

RedirectAnswer Redirector::act_on_two(const Copied& copied, const Found& from, const Found& to) {
  if (from.error != 0) return done(from.error);
  if (to.error != 0) return done(to.error);
  if (is_passed_on(from) != is_passed_on(to)) return done(EXDEV);
  if (is_passed_on(from))
    return from.by_kernel && to.by_kernel ? RedirectAnswer::let_run() : done(EXDEV);
  if (!from.exists)
    return from.look.standing == Standing::untouched ? pass_on(from, ENOENT) : done(ENOENT);
  return copied.call.act == PathAct::rename ? rename(copied, from, to) : link(from, to);
}

// ---- open ---------------------------------------------------------------------------------------

RedirectAnswer Redirector::give(int opened, int flags) {
  if (opened < 0) return done(-opened);
  RedirectAnswer answer{.kind = RedirectAnswer::Kind::file};
  answer.file.reset(opened);
  answer.close_on_exec = (flags & O_CLOEXEC) != 0 ? CloseOnExec::yes : CloseOnExec::no;
  return answer;
}

RedirectAnswer Redirector::open_file(const Copied& copied, const Found& found) {
  const int flags = copied.call.flags;
  if ((flags & kUnnamed) != 0)
    return found.look.standing == Standing::ours ? done(EOPNOTSUPP) : pass_on(found, EOPNOTSUPP);
  if (!found.exists) {
    if ((flags & O_CREAT) != 0) return open_new(copied, found);
    return found.look.standing == Standing::untouched ? pass_on(found, ENOENT) : done(ENOENT);
  }
  if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return done(EEXIST);
  if (found.look.standing == Standing::untouched) return open_untouched(copied, found);
  return give(tree_.open_to_give(found.path, flags), flags);
}

RedirectAnswer Redirector::open_new(const Copied& copied, const Found& found) {
  if (found.as_directory) return done(EISDIR);
  if (const int error = tree_.enter(parent_of(found.path)); error != 0) return done(error);
  const int flags = copied.call.flags;
  const int opened = tree_.open_new(found.path, flags, copied.call.mode & ~copied.umask);
  return give(opened, flags);
}

RedirectAnswer Redirector::open_untouched(const Copied& copied, const Found& found) {
  const int flags = copied.call.flags;
  if (!writes(flags)) {
    if (found.by_kernel) return RedirectAnswer::let_run();
    return give(tree_.open_host(found.path, flags), flags);
  }
  if (!tree_.places().is_shown(found.path)) return pass_on(found, EACCES);
  const bool drops = (flags & O_TRUNC) != 0;
  const int error =
      tree_.take(found.path, drops ? ChangeTree::Data::dropped : ChangeTree::Data::copied);
  if (error != 0) return done(error);
  return give(tree_.open_to_give(found.path, flags), flags);
}

RedirectAnswer Redirector::truncate(const Copied& copied, const Found& found) {
  if (!found.exists) return done(ENOENT);
  if (copied.call.number > file_size_) return done(EFBIG);
  if (found.look.standing == Standing::untouched) {
    if (!tree_.places().is_shown(found.path)) return pass_on(found, EACCES);
    if (const int error = tree_.take(found.path, ChangeTree::Data::copied); error != 0)
      return done(error);
  }
  const int opened = tree_.open_ours(found.path, O_WRONLY);
  if (opened < 0) return done(-opened);
  const UniqueFd file(opened);
  const int cut = ::ftruncate(file.get(), static_cast<off_t>(copied.call.number));
  return done(cut == 0 ? 0 : errno);
}

}  // namespace yett
