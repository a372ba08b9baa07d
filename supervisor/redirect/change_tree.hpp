// What a redirected sandbox has changed of the host's files: a tree of files with their names, in a
// directory that only the supervisor reaches. docs/decisions/0045-redirected-writes.md.
//
// A directory of the host that is shown and was changed in lists all that is in it: what is the
// sandbox's own as it is, links copied, all else by placeholders, which stand for the host's file
// of the same path. What is not listed was removed. A directory that is not shown lists the
// sandbox's own names alone, and lets the host's shine through.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/emulate/change_marks.hpp"
#include "supervisor/redirect/places.hpp"

namespace yett {

enum class Standing {
  untouched,  // the host's file of that path, or none
  removed,    // there is none, whatever the host has
  ours,
};

// May so many bytes more be written? They count as written then.
using TakeRoom = std::function<bool(std::uint64_t bytes)>;

struct Look {
  Standing standing = Standing::untouched;
  struct stat status{};  // of what is ours, without marks
};

// Of one thread at a time. Paths are absolute, normalised and lead through no link. Functions that
// return an int return 0 or the errno for the target.
// SECURITY(redirect-beneath): nothing outside of the tree is changed: each change is made by a name
// in a directory that was opened below the tree's root, through no link and no mount.
class ChangeTree {
 public:
  // They are kept in the supervisor's memory, which no limit of the sandbox counts.
  static constexpr std::size_t kMostDirectories = 100'000;

  // Below plan.directory, made where there is none, and locked. Errors:
  // another sandbox has it.
  [[nodiscard]] static Result<ChangeTree> open(const RedirectPlan& plan, std::uint64_t file_size,
                                               TakeRoom take_room = {});

  // Where /proc says that its files are.
  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] const Places& places() const { return places_; }
  [[nodiscard]] bool is_empty() const { return is_empty_; }

  [[nodiscard]] Look look(const std::string& path) const;
  // Known without a look.
  [[nodiscard]] bool is_directory_of_ours(std::string_view path) const;
  [[nodiscard]] std::string link_text(const std::string& path) const;
  // The host's, of a name that nothing of ours stands before. Nothing: there is none.
  [[nodiscard]] static std::optional<struct stat> look_at_host(const std::string& path);
  // Is there something of that path on the host, through no link?
  [[nodiscard]] bool has_plain_on_host(const std::string& path) const;

  // Makes the host's directory, or what is above it, one of the tree.
  [[nodiscard]] int enter(const std::string& directory);
  enum class Data { copied, dropped };
  // Makes the host's file ours. EACCES where it is not shown.
  [[nodiscard]] int take(const std::string& path, Data data);

  // A descriptor of what is ours; -errno. O_NOFOLLOW, O_CLOEXEC and O_NOCTTY are added.
  [[nodiscard]] int open_ours(const std::string& path, int flags, mode_t mode = 0) const;
  // The same of what is directly in a directory of the tree's, which stays open for the next one.
  [[nodiscard]] int open_in_known(const std::string& path, int flags);
  // The same for O_PATH, into `object`. Returns 0 or the errno.
  [[nodiscard]] int find_ours(const std::string& path, UniqueFd& object) const;
  // For the target, to whom no O_PATH can be given: the kernel hands on what can be read or
  // written.
  [[nodiscard]] int open_to_give(const std::string& path, int flags) const;
  // Of the host's: a regular file or a directory, to be read. -errno.
  // SECURITY(redirect-shown): what is not shown is not opened, whatever its names lead to.
  [[nodiscard]] int open_host(const std::string& path, int flags) const;

  // Names in directories that were entered.
  // A file that was not there; -errno.
  [[nodiscard]] int open_new(const std::string& path, int flags, mode_t mode);
  [[nodiscard]] int make_directory(const std::string& path, mode_t mode);
  [[nodiscard]] int make_link(const std::string& path, const std::string& text);
  [[nodiscard]] int remove_file(const std::string& path);
  [[nodiscard]] int remove_directory(const std::string& path);
  [[nodiscard]] int rename(const std::string& from, const std::string& to, unsigned flags);
  [[nodiscard]] int link(const std::string& from, const std::string& to);
  [[nodiscard]] int set_mode(const std::string& path, mode_t mode);
  [[nodiscard]] int set_times(const std::string& path, const struct timespec* times);
  // Does the directory, which is the tree's, let the host's names shine through?
  [[nodiscard]] bool shines_through(const std::string& directory) const;

 private:
  enum class Kind { listed, transparent };
  ChangeTree(const RedirectPlan& plan, std::uint64_t file_size, TakeRoom take_room)
      : places_(plan), file_size_(file_size), take_room_(std::move(take_room)) {}
  [[nodiscard]] bool has_room(std::uint64_t bytes) const {
    return !take_room_ || take_room_(bytes);
  }
  [[nodiscard]] Status open_directories(const RedirectPlan& plan);
  [[nodiscard]] Status load(const std::string& directory);
  [[nodiscard]] Status load_one(const std::string& directory, std::vector<std::string>& found);
  [[nodiscard]] bool is_too_long(const std::string& from, const std::string& to) const;
  void note_what_it_replaces(const std::string& path) const;
  void forget_taken(const std::string& path) const;
  void begin_change();
  [[nodiscard]] static int open_below(BorrowedFd directory, const char* path, int flags,
                                      mode_t mode);
  [[nodiscard]] UniqueFd parent(const std::string& path) const;
  [[nodiscard]] int make_entered(const std::string& path, const struct stat& host);
  [[nodiscard]] int list(const std::string& path) const;
  [[nodiscard]] int copy(int from, const struct stat& host, Data data, const std::string& into);

  Places places_;
  std::uint64_t file_size_;  // of what may be copied
  TakeRoom take_room_;
  std::string place_;
  UniqueFd lock_;
  UniqueFd root_;
  UniqueFd making_;  // where copies are made before they have a name
  UniqueFd host_;
  std::map<std::string, Kind, std::less<>> directories_;  // all of the tree's
  bool is_empty_ = true;
  bool has_begun_ = false;
  timespec opened_at_{};
  std::string last_;         // of the tree's directories, whose descriptor is kept
  UniqueFd last_directory_;  // invalid: none is, for one was renamed or removed
};

}  // namespace yett
