// What the keeper of one instance and the midwife say to each other, over a SOCK_SEQPACKET pair
// that nobody else holds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class BirthWord : std::uint32_t {
  failed,     // midwife: `value` is the errno, `text` the error; the instance is no more
  born,       // midwife: `value` is its number, its pidfd comes along
  task_file,  // keeper: a v1 cgroup that it is to join
  joined,     // keeper: it is in its cgroup v2, and no task file follows
  prepared,   // midwife: it lacks nothing but what it is to do; a socket of its comes along
  run,        // keeper: that; three descriptors have been sent there before
  running,    // midwife
  ended,      // midwife: `value` is as wait4(2) gives it
};

struct BirthHead {
  BirthWord word = BirthWord::failed;
  std::int32_t value = 0;
  std::uint32_t argument_count = 0;  // of run: the strings follow
  std::uint32_t environment_count = 0;
  std::array<char, 200> text{};  // ends with NUL
};

struct BirthMessage {
  BirthHead head;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<UniqueFd> descriptors;
};

[[nodiscard]] Status send_birth(BorrowedFd socket, const BirthMessage& message);
// Waits `patience_ms` at most, -1: as long as it takes. target_gone: the other side has gone.
[[nodiscard]] Result<BirthMessage> receive_birth(BorrowedFd socket, int patience_ms);
// The same; an error where it is another word: what failed, says what went wrong.
[[nodiscard]] Result<BirthMessage> expect_birth(BorrowedFd socket, int patience_ms, BirthWord word);

// A pair of such sockets.
[[nodiscard]] Result<std::pair<UniqueFd, UniqueFd>> make_birth_line();

}  // namespace yett
