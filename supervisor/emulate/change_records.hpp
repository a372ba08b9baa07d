// What the tree of changes keeps of the host beside its files: attributes that no sandbox can set,
// for who makes the changes on the host later. docs/decisions/0046-redirected-changes.md.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett::change_records {

// Objects of the tree can be O_PATH; those of the host, too. Returns 0 or the errno.

// Can a tree be kept there?
[[nodiscard]] int try_at(BorrowedFd tree);

// The directory lists all that was in that one of the host's, by which nobody else's of the same
// path is meant.
[[nodiscard]] int note_listed(BorrowedFd directory, BorrowedFd host);
[[nodiscard]] bool is_listed(BorrowedFd directory, BorrowedFd host);
// It lists what a sandbox has made alone.
void forget_listed(BorrowedFd directory);

// SECURITY(redirect-taken): the file is a copy of the host's as that one was before it was copied:
// the very inode, with its times and its size.
[[nodiscard]] std::string as_it_is(BorrowedFd host);
[[nodiscard]] int note_taken(BorrowedFd file, const std::string& host);
// It has another name by now, for which it stands.
void forget_taken(BorrowedFd file);
// As it was then, or is by now: that is another question.
[[nodiscard]] bool is_copy(BorrowedFd file);
// Of a file of which nothing was noted nobody knows: false.
[[nodiscard]] bool is_other_than_taken(BorrowedFd file, BorrowedFd host);

// The host's file is a copy of this one, as it is now.
[[nodiscard]] int note_committed(BorrowedFd file, BorrowedFd host);
[[nodiscard]] bool is_committed(BorrowedFd file, BorrowedFd host);

}  // namespace yett::change_records
