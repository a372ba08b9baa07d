#include "supervisor/emulate/target_view.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>

namespace yett {
namespace {

// SECURITY(own-root): threads share root and working directory until one leaves the common table.
bool has_root_of_its_own() {
  thread_local const bool left = ::unshare(CLONE_FS) == 0;
  return left;
}

UniqueFd open_directory(const char* path) {
  return UniqueFd(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

bool enter(BorrowedFd root, BorrowedFd directory) {
  return ::fchdir(root.get()) == 0 && ::chroot(".") == 0 && ::fchdir(directory.get()) == 0;
}

}  // namespace

TargetView::TargetView(const TargetPlace& place) {
  if (!has_root_of_its_own()) return;
  host_root_ = open_directory("/");
  host_directory_ = open_directory(".");
  if (!host_root_.valid() || !host_directory_.valid()) return;
  moved_ = true;
  taken_ = enter(place.root.borrow(), place.base.borrow());
}

TargetView::~TargetView() {
  if (moved_ && !enter(host_root_.borrow(), host_directory_.borrow())) std::abort();
}

}  // namespace yett
