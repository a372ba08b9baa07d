// The keeper of all sandboxes of one starter, as the starter has it: a process that is nobody's
// child, so that it outlives whoever is killed, and a queue for its requests, which outlives it.
// docs/decisions/0060-one-keeper.md.
#pragma once

#include <chrono>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

class SharedKeeper {
 public:
  // The queue alone.
  [[nodiscard]] static Result<SharedKeeper> make();

  // Begins the process if there is none. False: none can be had. Preconditions: one thread.
  [[nodiscard]] bool be_there();
  // When gone() was readable: begins it anew, but not again and again.
  void mend();

  // Where supervisors ask. When the last copy is closed, it leaves with the last sandbox.
  [[nodiscard]] BorrowedFd requests() const { return requests_.borrow(); }
  // Hangs up when it is gone; invalid: nobody waits for that.
  [[nodiscard]] BorrowedFd gone() const { return gone_.borrow(); }

 private:
  SharedKeeper(UniqueFd requests, UniqueFd taken)
      : requests_(std::move(requests)), taken_(std::move(taken)) {}

  UniqueFd requests_;
  UniqueFd taken_;  // the other end, for one keeper after the other
  UniqueFd gone_;   // of a pipe, whose other end it alone has
  std::chrono::steady_clock::time_point mended_{};
};

}  // namespace yett
