// What sandboxes of the fallback mode have written with `--overlay DIR`: listed, brought to the
// host, or forgotten. docs/decisions/0046-redirected-changes.md.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/images/tree_changes.hpp"

namespace yett {

// A directory that was given as --overlay, by a path.
class RedirectedChanges {
 public:
  // Does the word mean such a directory, and no sandbox?
  [[nodiscard]] static bool is_meant(const std::string& word);
  // Errors: nothing was redirected into it; it is somebody else's.
  // SECURITY(redirect-owner): what a sandbox has written is brought to the host with the rights of
  // the user who ran it, and with nobody else's.
  [[nodiscard]] static Result<RedirectedChanges> open(const std::string& directory);

  // Sorted. What the host has had since the sandbox listed its directory is none of its changes.
  [[nodiscard]] Result<std::vector<TreeChange>> find() const;
  // Errors: a sandbox has it.
  [[nodiscard]] Status lock() const;
  // Has the host's file changed since the sandbox made or took its own?
  // SECURITY(redirect-both): whoever changed it may not lose it unasked.
  [[nodiscard]] Result<bool> is_newer_on_host(const TreeChange& change) const;
  // Makes one of them on the host, through no link. Returns what it left, for it has changed there
  // since. Errors: a directory is in its way with what is newer than the sandbox's. Precondition:
  // locked.
  [[nodiscard]] Result<std::vector<std::string>> commit(const TreeChange& change) const;
  // Precondition: locked.
  [[nodiscard]] Status discard() const;

 private:
  RedirectedChanges() = default;
  std::string name_;
  UniqueFd directory_;
  UniqueFd tree_;
  UniqueFd host_;
};

}  // namespace yett
