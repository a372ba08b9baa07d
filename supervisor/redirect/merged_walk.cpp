#include "supervisor/redirect/merged_walk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ranges>

#include "sandbox/policy/paths.hpp"

namespace yett {
namespace {

constexpr int kMostLinks = 40;
constexpr std::string_view kGone = " (deleted)";
constexpr std::array<std::string_view, 3> kOwnDescriptors{"/proc/self/fd/", "/proc/thread-self/fd/",
                                                          "/dev/fd/"};

struct LinkText {
  int error = 0;  // EINVAL: no link
  std::string text;
};

LinkText read_link(const std::string& path) {
  std::array<char, PATH_MAX> text;
  const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
  if (size < 0) return {.error = errno, .text = {}};
  return {.text = std::string(text.data(), static_cast<std::size_t>(size))};
}

}  // namespace

WalkStart MergedWalk::start_at(const std::string& entry) const {
  const LinkText link = read_link("/proc/" + std::to_string(pending_->thread_id()) + "/" + entry);
  if (link.error != 0 || !link.text.starts_with('/') || link.text.ends_with(kGone)) return {};
  const std::string& tree = tree_->place();
  if (!is_within(link.text, tree)) return {.path = link.text, .known = true};
  const std::string rest = link.text.substr(tree.size());
  return {.path = rest.empty() ? "/" : rest, .ours = true, .known = true};
}

WalkStart MergedWalk::start_of(int directory) const {
  if (directory == AT_FDCWD) return start_at("cwd");
  return directory < 0 ? WalkStart{} : start_at("fd/" + std::to_string(directory));
}

std::optional<std::string> MergedWalk::own_link(const std::string& path) const {
  constexpr std::string_view kOwn = "/proc/self/";
  if (!path.starts_with(kOwn)) return std::nullopt;
  const std::string entry = path.substr(kOwn.size());
  if (entry != "exe" && entry != "cwd") return std::nullopt;
  const WalkStart leads = start_at(entry);
  return leads.ours ? std::optional(leads.path) : std::nullopt;
}

MergedWalk::Step MergedWalk::end(int error) {
  found_.error = error;
  return Step::done;
}

void MergedWalk::push(std::string_view path) {
  found_.as_directory = found_.as_directory || (names_.empty() && path.ends_with('/'));
  std::size_t end = path.size();
  while (end > 0) {
    const std::size_t slash = path.rfind('/', end - 1);
    const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    const std::string_view name = path.substr(begin, end - begin);
    if (!name.empty() && name != ".") names_.emplace_back(name);
    end = begin == 0 ? 0 : slash;
  }
}

// What one has open is opened again by such a name.
bool MergedWalk::begin_at_own_descriptor(const std::string& path) {
  for (const std::string_view prefix : kOwnDescriptors) {
    if (!path.starts_with(prefix)) continue;
    const std::size_t slash = path.find('/', prefix.size());
    const std::string number = path.substr(prefix.size(), slash - prefix.size());
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) return false;
    const WalkStart start = start_at("fd/" + number);
    if (!start.ours) return false;
    at_ = start.path;
    found_.by_kernel = false;
    if (slash != std::string::npos) push(path.substr(slash));
    return true;
  }
  return false;
}

void MergedWalk::begin(const WalkStart& start, const std::string& path) {
  if (!path.starts_with('/')) {
    at_ = start.path;
    found_.by_kernel = found_.by_kernel && !start.ours;
    return push(path);
  }
  at_ = "/";
  if (Places::is_kernels(path) && begin_at_own_descriptor(path)) return;
  push(path);
}

void MergedWalk::note_here() {
  found_.look = tree_->places().is_written(at_) ? Look() : tree_->look(at_);
  found_.exists = found_.look.standing == Standing::ours ||
                  (found_.look.standing == Standing::untouched && ChangeTree::look_at_host(at_));
}

Found MergedWalk::run(const WalkStart& start, const std::string& path, FollowLast follow) {
  found_ = {};
  names_.clear();
  begin(start, path);
  if (names_.empty()) note_here();
  while (!names_.empty() && take_next(follow) == Step::on) {
  }
  found_.path = at_;
  return found_;
}

MergedWalk::Step MergedWalk::take_next(FollowLast follow) {
  if (names_.size() > PATH_MAX) return end(ENAMETOOLONG);  // by links: each look costs them all
  const std::string name = std::move(names_.back());
  names_.pop_back();
  if (name == "..") {
    at_ = parent_of(at_);
    note_here();
    return Step::on;
  }
  const std::string candidate = join(at_, name);
  if (candidate.size() >= PATH_MAX) return end(ENAMETOOLONG);
  if (Places::is_kernels(candidate)) {
    found_.kernels = true;
    return Step::done;
  }
  return take_name(candidate, found_.as_directory ? FollowLast::yes : follow);
}

MergedWalk::Step MergedWalk::take_name(const std::string& candidate, FollowLast follow) {
  const bool last = names_.empty();
  if (!last && tree_->is_directory_of_ours(candidate)) {
    at_ = candidate;
    return Step::on;
  }
  found_.look = {};
  if (!tree_->places().is_written(candidate)) found_.look = tree_->look(candidate);
  if (found_.look.standing == Standing::untouched) return take_host(candidate, follow);
  found_.exists = found_.look.standing == Standing::ours;
  if (!found_.exists && !last) return end(ENOENT);
  const mode_t mode = found_.look.status.st_mode;
  if (found_.exists && S_ISLNK(mode) && (!last || follow == FollowLast::yes)) {
    found_.by_kernel = false;
    return follow_link(tree_->link_text(candidate));
  }
  if (!last && !S_ISDIR(mode)) return end(ENOTDIR);
  at_ = candidate;
  return Step::on;
}

// Nothing of the tree is below what it does not name: the kernel walks the rest, if it meets no
// link.
bool MergedWalk::reach_rest(const std::string& candidate) {
  if (std::ranges::find(names_, "..") != names_.end()) return false;
  std::string whole = candidate;
  for (const std::string& name : names_ | std::views::reverse) {
    whole.append("/").append(name);
    if (whole.size() >= PATH_MAX) return false;
  }
  if (!tree_->has_plain_on_host(whole)) return false;
  at_ = std::move(whole);
  names_.clear();
  found_.exists = true;
  return true;
}

MergedWalk::Step MergedWalk::take_host(const std::string& candidate, FollowLast follow) {
  const bool last = names_.empty();
  if (!last && reach_rest(candidate)) return Step::done;
  const LinkText link = read_link(candidate);
  if (link.error == 0 && (!last || follow == FollowLast::yes)) return follow_link(link.text);
  found_.exists = link.error == 0 || link.error == EINVAL;
  if (!found_.exists && (!last || link.error != ENOENT)) return end(link.error);
  at_ = candidate;
  return Step::on;
}

MergedWalk::Step MergedWalk::follow_link(const std::string& text) {
  if (++links_ > kMostLinks) return end(ELOOP);
  if (text.empty()) return end(ENOENT);
  begin({.path = at_, .ours = false, .known = true}, text);
  if (names_.empty()) note_here();
  return Step::on;
}

}  // namespace yett
