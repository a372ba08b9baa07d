// Calls that change the thread that makes them: where it is to be led. What the kernel finds by the
// same name is let run, as everywhere.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "supervisor/redirect/redirector.hpp"
#include "supervisor/redirect/script_line.hpp"

namespace yett {
namespace {

constexpr int kMostInterpreters = 5;  // of the kernel

RedirectAnswer steered(SteeredCall call) {
  if (call.name.size() >= PATH_MAX) return RedirectAnswer::failed(ENAMETOOLONG);
  return {.kind = RedirectAnswer::Kind::steered, .call = std::move(call)};
}

}  // namespace

std::string Redirector::real_path(const Found& found) const {
  return found.look.standing == Standing::ours ? tree_.place() + found.path : found.path;
}

// Where the host has one too, it is the host's, which is listed as the tree's where it is opened.
RedirectAnswer Redirector::enter(const Found& found) const {
  const auto led_to = [](std::string path) {
    return steered({.act = SteeredCall::Act::enter, .name = std::move(path), .words = {}});
  };
  if (found.kernels) return pass_on(found, EXDEV);
  if (found.look.standing == Standing::removed) return done(ENOENT);
  if (found.look.standing == Standing::untouched)
    return found.by_kernel ? RedirectAnswer::let_run() : led_to(found.path);
  if (!S_ISDIR(found.look.status.st_mode)) return done(ENOTDIR);
  const auto host = ChangeTree::look_at_host(found.path);
  if (!host || !S_ISDIR(host->st_mode)) return led_to(real_path(found));
  return found.by_kernel ? RedirectAnswer::let_run() : led_to(found.path);
}

RedirectAnswer Redirector::execute(const Copied& copied, const Found& found,
                                   MergedWalk& walk) const {
  if (found.error != 0) return done(found.error);
  if (found.kernels) return pass_on(found, EACCES);
  if (found.look.standing == Standing::removed) return done(ENOENT);
  if (found.look.standing == Standing::untouched && found.by_kernel)
    return RedirectAnswer::let_run();
  return execute_script(copied, found, walk);
}

// 0, and what it begins with; or the errno.
int Redirector::check_executable(const Found& found, std::string& begins) const {
  const bool is_ours = found.look.standing == Standing::ours;
  if (found.as_directory || (is_ours && !(executes_ && S_ISREG(found.look.status.st_mode))))
    return EACCES;
  const int opened =
      is_ours ? tree_.open_to_give(found.path, O_RDONLY) : tree_.open_host(found.path, 0);
  if (opened < 0) return -opened;
  const UniqueFd file(opened);
  const std::string name = "/proc/self/fd/" + std::to_string(file.get());
  if (::access(name.c_str(), X_OK) != 0) return errno;
  std::array<char, kScriptLineSize> first{};
  const ssize_t size = ::pread(file.get(), first.data(), first.size(), 0);
  if (size < 0) return errno == EISDIR ? EACCES : errno;
  begins.assign(first.data(), static_cast<std::size_t>(size));
  return 0;
}

// The kernel would give a script's interpreter the name that it was made to look up: it is told the
// one that the sandbox knows.
RedirectAnswer Redirector::execute_script(const Copied& copied, Found found,
                                          MergedWalk& walk) const {
  const bool is_known = copied.path.starts_with('/') || copied.call.name.directory == AT_FDCWD;
  SteeredCall call{.act = SteeredCall::Act::execute, .name = {}, .words = {}};
  const std::string name = is_known ? copied.path : found.path;
  for (int depth = 0; depth <= kMostInterpreters; ++depth) {
    call.name = real_path(found);
    // What is written directly is the sandbox's to swap meanwhile: the kernel's alone to look at.
    if (found.look.standing == Standing::untouched && !tree_.places().is_shown(found.path))
      return steered(std::move(call));
    std::string begins;
    if (const int error = check_executable(found, begins); error != 0) return done(error);
    if (!is_script(begins)) return steered(std::move(call));
    const auto line = parse_script_line(begins);
    if (!line) return done(ENOEXEC);
    if (call.words.empty()) call.words.push_back(name);
    if (line->word) call.words.insert(call.words.begin(), *line->word);
    call.words.insert(call.words.begin(), line->interpreter);
    const bool is_relative = !line->interpreter.starts_with('/');
    const WalkStart start = is_relative ? walk.start_of(AT_FDCWD) : WalkStart{.known = true};
    if (!start.known) return done(ENOENT);
    found = walk.run(start, line->interpreter, FollowLast::yes);
    if (found.error != 0) return done(found.error);
    if (!found.exists && !found.kernels) return done(ENOENT);
    if (!found.kernels && found.look.standing == Standing::ours) continue;
    call.name = found.kernels ? line->interpreter : found.path;
    return steered(std::move(call));
  }
  return done(ELOOP);
}

}  // namespace yett
