// What yettd and a starter say to each other (SOCK_SEQPACKET). The starter may be an earlier
// yettd's, of another build: kStarterVersion is that of all here, of News and of the roster file.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace yett {

inline constexpr std::uint32_t kStarterVersion = 1;

enum class StarterCall : std::uint32_t {
  start,     // StartHead, and what it tells of
  keep,      // this supervisor is somebody's: it outlives the daemon
  patience,  // `value`: seconds that the supervisors are kept without a daemon
  end,       // they, and the starter
};

// How each message to the starter begins.
struct StarterRequest {
  StarterCall call = StarterCall::start;
  std::uint32_t value = 0;
  std::uint64_t id = 0;  // of the supervisor: the request's number, never used again
};

// The program: at once, or when the line brings one; or at once, for instances to be forks of it.
enum class WhenStarted : std::uint32_t { now, when_told, as_template };

struct StartHead {
  StarterRequest request;
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint32_t group_count = 0;
  std::uint32_t word_count = 0;
  std::uint32_t environment_count = 0;
  WhenStarted when = WhenStarted::now;
  std::uint32_t given = 0;  // bit i: descriptor i
  std::uint32_t reserved = 0;
};

enum class StarterWord : std::uint32_t {
  answer,    // to `start`: `value` is an errno; with it a pidfd and the daemon's end of the line
  ended,     // `value`: the exit status
  greeting,  // to another daemon: `value` is the version; with it the roster file
  busy,      // the daemon lives
  child,     // one that was kept, with its line, and a pidfd if it lives
  dead,      // one that was kept and has ended: `value` its exit status; with its line
  all_told,
};

struct StarterMessage {
  StarterWord word = StarterWord::answer;
  std::int32_t pid = 0;
  std::uint64_t id = 0;
  std::int32_t value = 0;
  std::uint32_t reserved = 0;
};

}  // namespace yett
