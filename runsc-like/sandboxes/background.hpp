// A supervisor of its own in the background: `yett run -d`. The caller's process stays in front
// until it hears how the start went, or with --wait how the sandbox ended.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class BackgroundEvent : std::uint32_t {
  started,  // the program has been executed
  failed,   // it has not, and stderr says why; with the exit status
  ended,    // with the exit status
};

struct BackgroundNews {
  BackgroundEvent event = BackgroundEvent::failed;
  std::int32_t exit_status = 0;
};

// One end of the line between the two processes.
class BackgroundLine {
 public:
  explicit BackgroundLine(UniqueFd socket) : socket_(std::move(socket)) {}
  void close() { socket_.reset(); }
  // Whoever listened may have gone: no error, and no signal.
  void tell(BackgroundEvent event, int exit_status) const;
  // Nothing: the other process has gone without a word.
  [[nodiscard]] std::optional<BackgroundNews> listen() const;

 private:
  UniqueFd socket_;
};

struct Background {
  BackgroundLine line;
  bool in_front = true;  // which of the two processes this is
};

// Forks; the child has a session of its own. Preconditions: no other thread.
[[nodiscard]] Result<Background> fork_to_background();

}  // namespace yett
