// Where a path leads that may cross what was changed: the tree first, then the host, link by link,
// on the one copy of the path that there is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/notify/pending_notification.hpp"
#include "supervisor/redirect/change_tree.hpp"

namespace yett {

// Where a relative path begins.
struct WalkStart {
  std::string path = "/";
  bool ours = false;   // a directory of the tree, which the kernel takes for what it is
  bool known = false;  // else the kernel's own to make something of
};

struct Found {
  int error = 0;     // of the way; what is below has no meaning then
  std::string path;  // through no link
  Look look;
  bool exists = false;
  bool by_kernel = true;      // the kernel's own walk would come to the host's file of that path
  bool kernels = false;       // it leads to what the kernel makes up: nothing more is known
  bool as_directory = false;  // "a/"
};

enum class FollowLast { no, yes };

class MergedWalk {
 public:
  MergedWalk(const ChangeTree& tree, const PendingNotification& pending)
      : tree_(&tree), pending_(&pending) {}

  // `directory`: the low 32 bits of a dirfd argument.
  [[nodiscard]] WalkStart start_of(int directory) const;
  // What one of the target's own links of /proc says, where it leads into the tree: the name that
  // the target knows. Nothing: `path` is none of these, or leads elsewhere.
  [[nodiscard]] std::optional<std::string> own_link(const std::string& path) const;
  [[nodiscard]] Found run(const WalkStart& start, const std::string& path, FollowLast follow);

 private:
  enum class Step { on, done };
  void begin(const WalkStart& start, const std::string& path);
  void push(std::string_view path);
  [[nodiscard]] Step take_next(FollowLast follow);
  [[nodiscard]] Step take_name(const std::string& candidate, FollowLast follow);
  [[nodiscard]] Step take_host(const std::string& candidate, FollowLast follow);
  [[nodiscard]] bool reach_rest(const std::string& candidate);
  void note_here();
  [[nodiscard]] Step follow_link(const std::string& text);
  [[nodiscard]] bool begin_at_own_descriptor(const std::string& path);
  [[nodiscard]] WalkStart start_at(const std::string& entry) const;
  [[nodiscard]] Step end(int error);

  const ChangeTree* tree_;
  const PendingNotification* pending_;
  Found found_;
  std::string at_;
  std::vector<std::string> names_;  // the next one last
  int links_ = 0;
};

}  // namespace yett
