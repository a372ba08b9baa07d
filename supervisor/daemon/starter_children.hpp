// The supervisors that a starter has forked. Their copies have nothing of it: the memory is not
// copied by fork(2), for they shall share what they can, and know of no other.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct StarterChild {
  std::uint64_t id = 0;  // 0: the place is free
  int pid = 0;
  int line = -1;  // the daemon's end, closed with the place
  int status = 0;
  bool kept = false;
  bool ended = false;
};

class StarterChildren {
 public:
  // More than any configuration allows to run and to wait.
  static constexpr std::size_t kMost = 32'768;

  [[nodiscard]] static Result<StarterChildren> make();

  // False: there is no place.
  [[nodiscard]] bool add(std::uint64_t id, int pid, UniqueFd line);
  [[nodiscard]] StarterChild* find(std::uint64_t id);
  [[nodiscard]] StarterChild* find_living(int pid);
  void remove(StarterChild& child);
  [[nodiscard]] std::size_t count() const { return count_; }
  // Free places, too.
  [[nodiscard]] std::span<StarterChild> all() { return places_.first(used_); }

 private:
  explicit StarterChildren(std::span<StarterChild> places) : places_(places) {}
  std::span<StarterChild> places_;  // mapped for good
  std::size_t used_ = 0;
  std::size_t count_ = 0;
};

}  // namespace yett
