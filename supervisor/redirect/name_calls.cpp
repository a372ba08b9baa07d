// Calls that make, remove or move names, and those that change a file's attributes.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <cerrno>

#include "supervisor/redirect/redirector.hpp"

namespace yett {

bool Redirector::is_directory(const Found& found) const {
  if (found.look.standing == Standing::ours) return S_ISDIR(found.look.status.st_mode);
  const auto host = ChangeTree::look_at_host(found.path);
  return host && S_ISDIR(host->st_mode);
}

RedirectAnswer Redirector::make(const Copied& copied, const Found& found) {
  if (found.exists) return done(EEXIST);
  if (copied.call.act == PathAct::make_link && found.as_directory) return done(ENOENT);
  if (const int error = tree_.enter(parent_of(found.path)); error != 0) return done(error);
  if (copied.call.act == PathAct::make_link) return done(tree_.make_link(found.path, copied.text));
  return done(tree_.make_directory(found.path, copied.call.mode & ~copied.umask));
}

// Where the host's names shine through, the host's own would come back.
int Redirector::may_remove(const Found& found) const {
  const std::string parent = parent_of(found.path);
  if (found.path == "/") return EBUSY;
  if (found.look.standing == Standing::untouched)
    return tree_.places().is_shown(parent) ? 0 : EACCES;
  return tree_.shines_through(parent) && ChangeTree::look_at_host(found.path) ? EACCES : 0;
}

RedirectAnswer Redirector::remove(const Copied& copied, const Found& found) {
  if (!found.exists)
    return found.look.standing == Standing::untouched ? pass_on(found, ENOENT) : done(ENOENT);
  const bool wants_directory = (copied.call.flags & AT_REMOVEDIR) != 0;
  if (is_directory(found) != wants_directory) return done(wants_directory ? ENOTDIR : EISDIR);
  if (!wants_directory && found.as_directory) return done(ENOTDIR);
  if (const int error = may_remove(found); error != 0) return done(error);
  const int entered = tree_.enter(wants_directory ? found.path : parent_of(found.path));
  if (entered != 0) return done(entered);
  return done(wants_directory ? tree_.remove_directory(found.path) : tree_.remove_file(found.path));
}

// SECURITY(redirect-hidden): a directory that moves there lists what it has: all that the host has
// of that name, and nobody has shown, would count as removed.
bool Redirector::hides_what_was_not_shown(const Found& to) const {
  return tree_.shines_through(to.path == "/" ? to.path : parent_of(to.path)) &&
         !tree_.places().is_shown(to.path) && ChangeTree::look_at_host(to.path);
}

// A directory of the host's stays where it is, as on an overlay: mv then copies it.
RedirectAnswer Redirector::rename(const Copied& copied, const Found& from, const Found& to) {
  const auto flags = static_cast<unsigned>(copied.call.flags);
  if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0) return done(EINVAL);
  if (const int error = may_remove(from); error != 0) return done(error);
  if (to.exists && (flags & RENAME_NOREPLACE) != 0) return done(EEXIST);
  const bool moves_directory = is_directory(from);
  if (moves_directory && ChangeTree::look_at_host(from.path)) return done(EXDEV);
  if (moves_directory && hides_what_was_not_shown(to)) return done(EXDEV);
  if (to.exists && is_directory(to) != moves_directory)
    return done(moves_directory ? ENOTDIR : EISDIR);
  if (to.exists && to.look.standing == Standing::untouched &&
      !tree_.places().is_shown(moves_directory ? parent_of(to.path) : to.path))
    return done(EACCES);
  if (from.path == to.path) return done(0);
  if (!moves_directory && from.look.standing == Standing::untouched)
    if (const int error = tree_.take(from.path, ChangeTree::Data::copied); error != 0)
      return done(error);
  const bool into_directory = to.exists && moves_directory;
  if (const int error = tree_.enter(into_directory ? to.path : parent_of(to.path)); error != 0)
    return done(error);
  return done(tree_.rename(from.path, to.path, 0));
}

RedirectAnswer Redirector::link(const Found& from, const Found& to) {
  if (to.exists) return done(EEXIST);
  if (is_directory(from)) return done(EPERM);
  if (from.look.standing == Standing::untouched)
    if (const int error = tree_.take(from.path, ChangeTree::Data::copied); error != 0)
      return done(error);
  if (const int error = tree_.enter(parent_of(to.path)); error != 0) return done(error);
  return done(tree_.link(from.path, to.path));
}

// The root is the tree's own, too, and who else gets in there is none of the sandbox's business.
RedirectAnswer Redirector::set_attributes(const Copied& copied, const Found& found) {
  if (found.path == "/") return done(EPERM);
  if (!found.exists)
    return found.look.standing == Standing::untouched ? pass_on(found, ENOENT) : done(ENOENT);
  if (found.look.standing == Standing::untouched) {
    if (!tree_.places().is_shown(found.path)) return pass_on(found, EPERM);
    const int error = is_directory(found) ? tree_.enter(found.path)
                                          : tree_.take(found.path, ChangeTree::Data::copied);
    if (error != 0) return done(error);
  }
  if (copied.call.act == PathAct::set_mode)
    return done(tree_.set_mode(found.path, copied.call.mode));
  return done(tree_.set_times(found.path, copied.call.out == 0 ? nullptr : copied.times.data()));
}

}  // namespace yett
